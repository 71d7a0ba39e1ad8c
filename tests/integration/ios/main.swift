import Foundation

/// A JSON file with the paths of models, and texts.
struct Given: Decodable {
    let models: [String]
    let texts: [String]
}

/// Returns what a translator returns for a text, or its error.
///
/// Texts are lists of UTF-16 code units, as in the program for Android.
func report(_ translator: Translator, _ text: String) -> Any {
    do {
        let found = try translator.translate(text)
        let tokens = found.tokens.map { Array($0.utf16) }
        return [Array(found.text.utf16), found.score, tokens, found.alignment] as [Any]
    } catch {
        return error.localizedDescription
    }
}

/// Translates all texts with a model, or returns the error of its file.
func translate(_ texts: [String], with model: String) -> Any {
    do {
        let translator = try Translator(URL(fileURLWithPath: model))
        return texts.map { report(translator, $0) }
    } catch {
        return error.localizedDescription
    }
}

let file = URL(fileURLWithPath: CommandLine.arguments[1])
let given = try JSONDecoder().decode(Given.self, from: Data(contentsOf: file))
let found = given.models.map { translate(given.texts, with: $0) }
FileHandle.standardOutput.write(try JSONSerialization.data(withJSONObject: found))

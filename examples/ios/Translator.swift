import Foundation
import TensorFlowLite

private let maxTokensByDefault = 1024

/// An output: its text, the sum of its tokens' log-probabilities, its tokens up to `</s>`, and for
/// each token its weights over the source's tokens and `</s>`.
struct Translation {
    let text: String
    let score: Float
    let tokens: [String]
    let alignment: [[Float]]
}

/// Translates texts with a TFLite file that keras-attention exported, by greedy search.
///
/// A text may have up to `maxTokens` tokens, `</s>` included; by default 1024, or the file's
/// `max_source_length` if that is more. A file of version 0.1 accepts at most `max_source_length`
/// tokens.
///
/// The model must have character or word tokenizers. Requires the pod `TensorFlowLiteSwift`.
///
///     let file = Bundle.main.url(forResource: "g2p-kor", withExtension: "tflite")!
///     let translator = try Translator(file)
///     print(try translator.translate("학교").text)
///
/// Several threads may share a translator. They take turns, because an `Interpreter` is not
/// thread-safe.
final class Translator: @unchecked Sendable {
    private let source: Tokenizer
    private let target: Tokenizer
    private let maxSourceLength: Int
    private let anyLength: Bool
    private let longest: Int
    private let replaceUnknown: Bool
    private let interpreter: Interpreter
    private let lock = NSLock()

    /// - Throws: `TranslatorError` if `maxTokens` is too small or too large, if this class does not
    ///   support the format or a setting of the file, or if keras-attention did not export it.
    init(_ file: URL, threads: Int = 2, maxTokens: Int? = nil) throws {
        let files = try ModelFiles(file)
        let settings = try files.settings("translator.json")
        source = try Tokenizer(files, settings, side: "source", stored: "source")
        let stored = try settings.flag("joint_vocabulary") ? "source" : "target"
        target = try Tokenizer(files, settings, side: "target", stored: stored)
        maxSourceLength = try settings.integer("max_source_length")
        anyLength = try files.settings("manifest.json").flag("any_length")
        replaceUnknown = try settings.flag("replace_unknown")
        let usual = anyLength ? max(maxTokensByDefault, maxSourceLength) : maxSourceLength
        longest = maxTokens ?? usual
        guard longest >= 1, anyLength || longest <= maxSourceLength else {
            let most = anyLength ? "" : " and at most \(maxSourceLength)"
            throw TranslatorError("expected maxTokens of at least 1\(most). Received: \(longest).")
        }
        var options = Interpreter.Options()
        options.threadCount = threads
        interpreter = try Interpreter(modelPath: file.path, options: options)
    }

    /// Translates a text.
    ///
    /// - Throws: `TranslatorError` if it has more tokens than the file accepts, or lacks the tag of
    ///   a source feature.
    func translate(_ text: String) throws -> Translation {
        let words = source.cut(text)
        var ids = try source.encode(text)
        guard ids.count <= longest else {
            throw TranslatorError(
                "expected at most \(longest) tokens including </s>. Received: \(ids.count).")
        }
        if !anyLength {
            ids += Array(repeating: SpecialToken.pad, count: maxSourceLength - ids.count)
        }
        var (tokens, score, weights) = try search(ids)
        if words.isEmpty {
            tokens[0] = SpecialToken.end
            score = 0
        }
        return translation(tokens, score, weights, words)
    }

    /// Runs greedy search, which is the first signature of the file.
    ///
    /// A `SignatureRunner` cannot set the length of the source, because it resizes strictly.
    private func search(_ ids: [Int]) throws -> (tokens: [Int], score: Float, weights: [[Float]]) {
        lock.lock()
        defer { lock.unlock() }
        try interpreter.resizeInput(at: 0, to: [1, ids.count])
        try interpreter.allocateTensors()
        try interpreter.copy(ids.map(Int32.init).withUnsafeBytes { Data($0) }, toInputAt: 0)
        try interpreter.invoke()
        let tensors = try (0..<interpreter.outputTensorCount).map { try interpreter.output(at: $0) }
        let outputs = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.data) })
        let tokens: [Int32] = try numbers("greedy/tokens", outputs)
        let score: [Float] = try numbers("greedy/score", outputs)
        let weights: [Float] = try numbers("greedy/alignment", outputs)
        let width = weights.count / tokens.count
        let rows = tokens.indices.map { Array(weights[($0 * width)..<(($0 + 1) * width)]) }
        return (tokens.map(Int.init), score[0], rows)
    }

    private func translation(
        _ padded: [Int], _ score: Float, _ weights: [[Float]], _ words: [CodePoints]
    ) -> Translation {
        let end = padded.firstIndex(of: SpecialToken.end) ?? padded.count - 1
        let ids = padded[...end].filter { $0 != SpecialToken.pad }
        let alignment = ids.indices.map { Array(weights[$0].prefix(words.count + 1)) }
        let tokens = zip(ids, alignment).map { id, row in
            sourceWord(id, row, words) ?? target.tokens[id]
        }
        let markers = [SpecialToken.start, SpecialToken.end]
        let read = zip(ids, tokens).filter { id, _ in !markers.contains(id) }.map { $0.1 }
        return Translation(
            text: target.join(read), score: score, tokens: tokens.map { String(codePoints: $0) },
            alignment: alignment)
    }

    /// Returns the source token that replaces `<unk>`: the one with the largest weight, if any.
    private func sourceWord(_ id: Int, _ row: [Float], _ words: [CodePoints]) -> CodePoints? {
        let row = row.prefix(words.count)
        guard id == SpecialToken.unknown, replaceUnknown, let largest = row.max(), largest > 0
        else { return nil }
        return row.firstIndex(of: largest).map { words[$0] }
    }
}

/// Returns the numbers of an output.
private func numbers<Number: Numeric>(
    _ name: String, _ outputs: [String: Data]
) throws -> [Number] {
    guard let data = outputs[name] else {
        throw TranslatorError("expected a TFLite file with the output \(name).")
    }
    var numbers = [Number](repeating: 0, count: data.count / MemoryLayout<Number>.stride)
    _ = numbers.withUnsafeMutableBytes { data.copyBytes(to: $0) }
    return numbers
}

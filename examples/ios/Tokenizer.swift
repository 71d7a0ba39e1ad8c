import Foundation

/// A text as code points. `String` cannot replace them, because in Swift "é" is equal to "e" and an
/// accent, although they have different ids.
typealias CodePoints = [Unicode.Scalar]

/// The ids that mean the same in every vocabulary.
enum SpecialToken {
    static let pad = 0
    static let start = 1
    static let end = 2
    static let unknown = 3
}

private let unicode = "13.0.0"

// Code points that Unicode 13.0 maps, from keras_attention/text/unicode_version.py. All others stay
// as they are, as in every other runtime.
private let ranges = """
0-376 37a-37f 384-38a 38c 38e-3a1 3a3-52e 531-556 587 591-5c7 610-61a 622-6ed 711-74a 7eb-7f3
7fd-82d 859-85b 8d3-95f 9bc-9be 9c7 9cb-9cd 9d7 9dc-9dd 9df 9fe a33 a36 a3c a4d a59-a5b a5e abc
acd b3c-b3e b47-b48 b4b-b4d b56-b57 b5c-b5d b92-b94 bbe bc6-bc7 bca-bcd bd7 c46-c48 c4d c55-c56
cbc-cc2 cc6-cc8 cca-ccd cd5-cd6 d3b-d3e d46-d47 d4a-d4d d57 dca dcf dd9-ddf e33-e3a e48-e4b
eb3-eba ec8-ecb edc-edd f0c-f43 f4d-f69 f71-f93 f9d-fb9 fc6 1025-10c5 10c7 10cd 10fc-11c2
135d-135f 13a0-13f5 1714 1734 17d2-17dd 18a9 1939-193b 1a17-1a18 1a60-1a7c 1a7f 1ab0-1ac0
1b05-1b44 1b6b-1b73 1baa-1bf3 1c37 1c90-1cba 1cbd-1cbf 1cd0-1cf9 1d2c-1df9 1dfb-1f15 1f18-1f1d
1f20-1f45 1f48-1f4d 1f50-1f57 1f59 1f5b 1f5d 1f5f-1f7d 1f80-1fb4 1fb6-1fc4 1fc6-1fd3 1fd6-1fdb
1fdd-1fef 1ff2-1ff4 1ff6-1ffe 2000-205f 2070-2071 2074-208e 2090-209c 20a8 20d0-20f0 2100-2189
2190-232a 2460-2adc 2c00-2c2e 2c60-2cf2 2d6f 2d7f 2de0-2dff 2e9f-2ef3 2f00-2fd5 3000-303a
3046-3094 3099-30ff 3131-318e 3192-319f 3200-321e 3220-33ff a640-a6f1 a722-a7be a7c2-a7c9
a7f5-a82c a8c4 a8e0-a953 a9b3-a9c0 aab0-aac1 aaf6 ab5c-ab69 abed ac00-d7a3 f900-fa6d fa70-fad9
fb00-fb06 fb13-fb17 fb1d-fb36 fb38-fb3c fb3e fb40-fb41 fb43-fb44 fb46-fbb1 fbd3-fd3d fd50-fd8f
fd92-fdc7 fdf0-fdfc fe10-fe19 fe20-fe52 fe54-fe66 fe68-fe6b fe70-fe74 fe76-fefc ff01-ffbe
ffc2-ffc7 ffca-ffcf ffd2-ffd7 ffda-ffdc ffe0-ffe6 ffe8-ffee 101fd 102e0 10376-1037a 10400-10427
104b0-104d3 10a0d-10a0f 10a38-10a3a 10a3f 10ae5-10ae6 10c80-10cb2 10d24-10d27 10eab-10eac
10f46-10f50 11046 1107f-110ba 11100-11134 11173 111c0-111ca 11235-11236 112e9-112ea 1133b-1133e
11347 1134b-1134d 11357 11366-1136c 11370-11374 11442-11446 1145e 114b0-114c3 115af 115b8-115c0
1163f 116b6-116b7 1172b 11839-1183a 118a0-118bf 11930-11935 11938 1193d-11943 119e0 11a34-11a47
11a99 11c3f 11d42-11d45 11d97 16af0-16af4 16b30-16b36 16e40-16e5f 16ff0-16ff1 1bc9e 1d15e-1d1c0
1d242-1d244 1d400-1d454 1d456-1d49c 1d49e-1d49f 1d4a2 1d4a5-1d4a6 1d4a9-1d4ac 1d4ae-1d4b9 1d4bb
1d4bd-1d4c3 1d4c5-1d505 1d507-1d50a 1d50d-1d514 1d516-1d51c 1d51e-1d539 1d53b-1d53e 1d540-1d544
1d546 1d54a-1d550 1d552-1d6a5 1d6a8-1d7cb 1d7ce-1d7ff 1e000-1e006 1e008-1e018 1e01b-1e021
1e023-1e024 1e026-1e02a 1e130-1e136 1e2ec-1e2ef 1e8d0-1e8d6 1e900-1e94a 1ee00-1ee03 1ee05-1ee1f
1ee21-1ee22 1ee24 1ee27 1ee29-1ee32 1ee34-1ee37 1ee39 1ee3b 1ee42 1ee47 1ee49 1ee4b 1ee4d-1ee4f
1ee51-1ee52 1ee54 1ee57 1ee59 1ee5b 1ee5d 1ee5f 1ee61-1ee62 1ee64 1ee67-1ee6a 1ee6c-1ee72
1ee74-1ee77 1ee79-1ee7c 1ee7e 1ee80-1ee89 1ee8b-1ee9b 1eea1-1eea3 1eea5-1eea9 1eeab-1eebb
1f100-1f190 1f200-1f202 1f210-1f23b 1f240-1f248 1f250-1f251 1fbf0-1fbf9 2f800-2fa1d
"""

private let mapped: IndexSet = {
    var points = IndexSet()
    for range in ranges.split(whereSeparator: \.isWhitespace) {
        let ends = range.split(separator: "-").compactMap { Int($0, radix: 16) }
        points.insert(integersIn: ends[0]...ends[ends.count - 1])
    }
    return points
}()

private let spaces = Set(
    ("\t\n\u{b}\u{c}\r \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}"
        + "\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}")
        .unicodeScalars)

private let edges = spaces.union("\u{61c}\u{200b}\u{200e}\u{200f}\u{2060}\u{feff}".unicodeScalars)

/// Converts texts to ids and back, for characters and words, with the same results as in Python.
struct Tokenizer {
    let tokens: [CodePoints]

    /// The source features, which a text carries as tags: `<language=kor> 한국`.
    let features: [Feature]

    private let ids: [CodePoints: Int]
    private let words: Bool
    private let form: NormalForm
    private let lowercase: Bool
    private let strip: Bool

    /// - Throws: `TranslatorError` if the vocabulary is missing, or a setting is not supported.
    init(_ files: ModelFiles, _ settings: Settings, side: String, stored: String) throws {
        words = try settings.choice("\(side)_tokenizer", of: ["character", "word"]) == "word"
        let vocabulary = try files.text("\(stored).vocabulary.txt")
        tokens = vocabulary.unicodeScalars.split(separator: "\n").map { CodePoints($0) }
        features = try side == "source" ? settings.features() : []
        let numbered = tokens.enumerated().dropFirst(SpecialToken.unknown + 1)
        ids = Dictionary(uniqueKeysWithValues: numbered.map { ($0.element, $0.offset) })
        let forms = NormalForm.allCases.map { $0.rawValue }
        let known = try settings.choice("\(side)_normalization", of: forms)
        form = NormalForm(rawValue: known)!
        lowercase = try settings.flag("\(side)_lowercase")
        strip = try settings.flag("\(side)_strip")
        try settings.choice("unicode", of: [unicode])
    }

    /// Returns the tokens of a text. Unknown tokens stay as they are.
    func cut(_ text: String) -> [CodePoints] {
        let normal = normalize(cutTags(text).rest)
        if !words { return normal.map { [$0] } }
        return normal.split { spaces.contains($0) }.map { CodePoints($0) }
    }

    /// Returns the ids of a text: those of its features, its tokens and `</s>`.
    func encode(_ text: String) throws -> [Int] {
        let known = cut(text).map { ids[$0] ?? SpecialToken.unknown }
        return try readFeatures(text) + known + [SpecialToken.end]
    }

    /// Returns the text of an output's tokens, without `<s>` and `</s>`.
    func join(_ tokens: [CodePoints]) -> String {
        let separator: CodePoints = words ? [" "] : []
        let joined = CodePoints(tokens.joined(separator: separator))
        return String(codePoints: change(joined, with: NormalForm.nfc.apply))
    }

    private func normalize(_ text: CodePoints) -> CodePoints {
        var normal = change(text, with: form.apply)
        if lowercase { normal = change(change(normal, with: lowerCase), with: form.apply) }
        return strip ? trim(normal) : normal
    }

    /// Returns the tags at the beginning of a text, each with a name and a value, and the rest.
    private func cutTags(_ text: String) -> (tags: [(CodePoints, CodePoints)], rest: CodePoints) {
        let points = CodePoints(text.unicodeScalars)
        var tags: [(CodePoints, CodePoints)] = []
        var start = 0
        while start < points.count, points[start] == "<",
            let end = points[start...].firstIndex(of: ">"),
            let equals = points[start..<end].firstIndex(of: "=")
        {
            let name = CodePoints(points[(start + 1)..<equals])
            let value = CodePoints(points[(equals + 1)..<end])
            if value.contains("<") || !features.contains(where: { $0.name == name }) { break }
            tags.append((name, value))
            start = end + 1
        }
        if !tags.isEmpty, start < points.count, points[start] == " " { start += 1 }
        return (tags, CodePoints(points[start...]))
    }

    private func readFeatures(_ text: String) throws -> [Int] {
        let tags = cutTags(text).tags
        return try features.map { feature in
            let given = tags.filter { $0.0 == feature.name }
            guard given.count == 1, let place = feature.values.firstIndex(of: given[0].1) else {
                let name = String(codePoints: feature.name)
                let values = feature.values.map { String(codePoints: $0) }.joined(separator: ", ")
                throw TranslatorError(
                    "expected the source feature \(name) before the text, as in "
                        + "'<\(name)=VALUE> text', with one of the values \(values). "
                        + "Received: '\(text.prefix(40))'.")
            }
            return SpecialToken.unknown + 1 + place
        }
    }
}

private enum NormalForm: String, CaseIterable {
    case nfc, nfd, nfkc

    func apply(_ text: CodePoints) -> CodePoints {
        let text = String(codePoints: text)
        switch self {
        case .nfc: return CodePoints(text.precomposedStringWithCanonicalMapping.unicodeScalars)
        case .nfd: return CodePoints(text.decomposedStringWithCanonicalMapping.unicodeScalars)
        case .nfkc: return CodePoints(text.precomposedStringWithCompatibilityMapping.unicodeScalars)
        }
    }
}

/// Changes each run of code points that Unicode 13.0 maps, and keeps all others.
private func change(_ text: CodePoints, with function: (CodePoints) -> CodePoints) -> CodePoints {
    var changed: CodePoints = []
    var run: CodePoints = []
    for point in text {
        if mapped.contains(Int(point.value)) {
            run.append(point)
        } else {
            changed += function(run) + [point]
            run = []
        }
    }
    return changed + function(run)
}

/// Converts each code point separately, because a capital sigma depends on its neighbours.
private func lowerCase(_ text: CodePoints) -> CodePoints {
    text.flatMap { $0.properties.lowercaseMapping.unicodeScalars }
}

private func trim(_ text: CodePoints) -> CodePoints {
    guard let first = text.firstIndex(where: { !edges.contains($0) }),
        let last = text.lastIndex(where: { !edges.contains($0) })
    else { return [] }
    return CodePoints(text[first...last])
}

extension String {
    init(codePoints: CodePoints) {
        self.init(String.UnicodeScalarView(codePoints))
    }
}

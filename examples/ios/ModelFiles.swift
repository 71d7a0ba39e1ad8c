import Foundation

/// An error about a TFLite file or a text that the translator does not accept.
struct TranslatorError: LocalizedError {
    let errorDescription: String?

    init(_ message: String) {
        errorDescription = message
    }
}

/// The files in the zip archive at the end of a TFLite file: its settings and vocabularies.
///
/// Foundation on iOS cannot read a zip archive. This one is not compressed and has no comment.
struct ModelFiles {
    private var files: [String: Data] = [:]

    /// Reads the archive's directory, which begins with the entry of the first file.
    init(_ file: URL) throws {
        let bytes = try Data(contentsOf: file, options: .mappedIfSafe)
        let end = bytes.count - 22
        guard try bytes.number(at: end, size: 4) == 0x0605_4b50 else { throw noArchive }
        var entry = try bytes.number(at: end + 16, size: 4)
        for _ in 0..<(try bytes.number(at: end + 10, size: 2)) {
            guard try bytes.number(at: entry, size: 4) == 0x0201_4b50,
                try bytes.number(at: entry + 10, size: 2) == 0  // not compressed
            else { throw noArchive }
            let size = try bytes.number(at: entry + 24, size: 4)
            let sizes = try [28, 30, 32].map { try bytes.number(at: entry + $0, size: 2) }
            let header = try bytes.number(at: entry + 42, size: 4)
            let before = try [26, 28].map { try bytes.number(at: header + $0, size: 2) }
            let name = try bytes.part(at: entry + 46, size: sizes[0])
            let start = header + 30 + before[0] + before[1]
            files[String(decoding: name, as: UTF8.self)] = try bytes.part(at: start, size: size)
            entry += 46 + sizes[0] + sizes[1] + sizes[2]
        }
    }

    /// Returns the text of a file.
    func text(_ name: String) throws -> String {
        try String(decoding: data(name), as: UTF8.self)
    }

    /// Returns the settings in a JSON file.
    func settings(_ name: String) throws -> Settings {
        let settings = try Settings(data(name))
        try settings.choice("format", of: [1])
        return settings
    }

    private func data(_ name: String) throws -> Data {
        guard let data = files[name] else {
            throw TranslatorError(
                "expected a TFLite file that keras-attention exported, with \(name) in the zip "
                    + "archive at its end.")
        }
        return data
    }
}

/// A feature of a source text, such as its language, with its name and possible values.
struct Feature {
    let name: CodePoints
    let values: [CodePoints]
}

/// The settings in a JSON file.
struct Settings {
    private let values: [String: Any]
    private let text: String

    init(_ data: Data) throws {
        let object = try JSONSerialization.jsonObject(with: data)
        guard let values = object as? [String: Any] else {
            throw TranslatorError("expected a JSON object with settings.")
        }
        self.values = values
        text = String(decoding: data, as: UTF8.self)
    }

    func integer(_ name: String) throws -> Int { try value(name) }

    /// Returns a setting that is true or false; false if the file lacks it.
    func flag(_ name: String) throws -> Bool {
        guard values[name] != nil else { return false }
        return try value(name)
    }

    /// Returns a setting that is one of the given values.
    @discardableResult
    func choice<Value: Equatable>(_ name: String, of choices: [Value]) throws -> Value {
        let received: Value = try value(name)
        guard choices.contains(received) else {
            let expected = choices.map { "\($0)" }.joined(separator: " or ")
            throw TranslatorError(
                "expected \(expected) as the setting \(name). Received: \(received).")
        }
        return received
    }

    /// Returns the source features in the file's order, which `JSONSerialization` does not keep.
    func features() throws -> [Feature] {
        guard values["source_features"] != nil else { return [] }
        let stored: [String: [String]] = try value("source_features")
        let ordered = stored.sorted { place(ofList: $0.key) < place(ofList: $1.key) }
        return ordered.map { name, values in
            Feature(
                name: CodePoints(name.unicodeScalars),
                values: values.map { CodePoints($0.unicodeScalars) })
        }
    }

    private func place(ofList name: String) -> String.Index {
        let key = text.range(of: "\"\(name)\"\\s*:\\s*\\[", options: .regularExpression)
        return key?.lowerBound ?? text.endIndex
    }

    private func value<Value>(_ name: String) throws -> Value {
        guard let value = values[name] as? Value else {
            let received: Any = values[name] ?? "no such setting"
            throw TranslatorError(
                "expected a value of type \(Value.self) as the setting \(name). "
                    + "Received: \(received).")
        }
        return value
    }
}

private let noArchive = TranslatorError(
    "expected a TFLite file that keras-attention exported, with a zip archive at its end.")

extension Data {
    /// Returns `size` bytes.
    fileprivate func part(at start: Int, size: Int) throws -> Data {
        guard start >= 0, start + size <= count else { throw noArchive }
        return subdata(in: start..<(start + size))
    }

    /// Returns a number of `size` bytes, the lowest byte first.
    fileprivate func number(at start: Int, size: Int) throws -> Int {
        try part(at: start, size: size).reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}

import Foundation

/// A stand-in for a class of TensorFlow Lite: it returns the source as output, with a diagonal
/// alignment.
///
/// The first line of a model has three numbers: the declared length of the source, the length of an
/// output, and the number of source features.
public final class Interpreter {
    public struct Options {
        public var threadCount: Int?

        public init() {}
    }

    public let outputTensorCount = 3
    private let length: Int
    private let features: Int
    private var shape: Tensor.Shape
    private var source: [Int32]?
    private var outputs: [Tensor] = []

    public init(modelPath: String, options: Options? = nil) throws {
        let content = try Data(contentsOf: URL(fileURLWithPath: modelPath))
        let line = String(decoding: content.prefix { $0 != 10 }, as: UTF8.self)
        let numbers = line.split(separator: " ").compactMap { Int($0) }
        precondition(numbers.count == 3 && options?.threadCount ?? 0 > 0)
        (length, features) = (numbers[1], numbers[2])
        shape = [1, numbers[0]]
    }

    public func resizeInput(at index: Int, to shape: Tensor.Shape) throws {
        precondition(index == 0 && shape.dimensions.count == 2)
        self.shape = shape
        source = nil
    }

    public func allocateTensors() throws {
        source = Array(repeating: 0, count: shape.dimensions[1])
        outputs = []
    }

    @discardableResult
    public func copy(_ data: Data, toInputAt index: Int) throws -> Tensor {
        let count = source!.count
        precondition(index == 0 && data.count == 4 * count)
        source = data.withUnsafeBytes { bytes in
            (0..<count).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
        }
        return Tensor(name: "greedy/source", shape: shape, data: data)
    }

    public func invoke() throws {
        let source = source!
        let width = source.count - features
        let tokens = (source + Array(repeating: 0, count: length)).prefix(length)
        let alignment = (0..<length).flatMap { step in
            (0..<width).map { $0 == step ? Float(1) : 0 }
        }
        outputs = [
            Tensor("greedy/alignment", [1, length, width], alignment),
            Tensor("greedy/score", [1], [-Float(source.reduce(0, +))]),
            Tensor("greedy/tokens", [1, length], Array(tokens)),
        ]
    }

    public func output(at index: Int) throws -> Tensor {
        outputs[index]
    }
}

/// A stand-in for a structure of TensorFlow Lite.
public struct Tensor {
    public struct Shape: ExpressibleByArrayLiteral {
        public let dimensions: [Int]

        public init(arrayLiteral: Int...) {
            dimensions = arrayLiteral
        }
    }

    public let name: String
    public let shape: Shape
    public let data: Data
}

extension Tensor {
    fileprivate init<Number>(_ name: String, _ shape: Shape, _ numbers: [Number]) {
        self.init(name: name, shape: shape, data: numbers.withUnsafeBytes { Data($0) })
    }
}

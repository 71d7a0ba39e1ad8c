package kerasattention

import java.io.File
import java.util.zip.ZipFile
import kotlinx.serialization.json.*
import org.tensorflow.lite.Interpreter

private const val MAX_TOKENS = 1024

/**
 * An output: its text, the sum of its tokens' log-probabilities, its tokens up to `</s>`, and for
 * each token its weights over the source's tokens and `</s>`.
 */
class Translation(
    val text: String,
    val score: Float,
    val tokens: List<String>,
    val alignment: List<FloatArray>,
)

/**
 * Translates texts with a TFLite file that keras-attention exported, by greedy search.
 *
 * A text may have up to [maxTokens] tokens, `</s>` included; by default 1024, or the file's
 * `max_source_length` if that is more. A file of version 0.1 accepts only `max_source_length` tokens.
 *
 * The model must have character or word tokenizers. Requires `com.google.ai.edge.litert:litert` and
 * `org.jetbrains.kotlinx:kotlinx-serialization-json`.
 *
 *     Translator(File(context.filesDir, "g2p-kor.tflite")).use { it.translate("학교").text }
 *
 * @throws IllegalArgumentException if [maxTokens] is too small or too large, or if this class does
 *   not support the format or a setting of the file.
 */
class Translator(file: File, threads: Int = 2, maxTokens: Int? = null) : AutoCloseable {
    private val files = readArchive(file)
    private val settings = files.json("translator.json")
    private val maxSourceLength = settings.text("max_source_length").toInt()
    private val anyLength = files.json("manifest.json").flag("any_length")
    private val longest =
        maxTokens ?: if (anyLength) maxOf(MAX_TOKENS, maxSourceLength) else maxSourceLength
    private val source = Tokenizer(files, settings, "source", "source")
    private val joint = settings.flag("joint_vocabulary")
    private val target = Tokenizer(files, settings, "target", if (joint) "source" else "target")
    private val maxLength = settings.text("max_length").toInt()
    private val replaceUnknown = settings.flag("replace_unknown")

    // With XNNPACK, outputs may be wrong after a source that is longer than all earlier ones.
    private val options = Interpreter.Options().setNumThreads(threads).setUseXNNPACK(false)
    private val interpreter = Interpreter(file, options)

    init {
        require(longest >= 1 && (anyLength || longest <= maxSourceLength)) {
            "expected maxTokens of at least 1" +
                (if (anyLength) "" else " and at most $maxSourceLength") + ". Received: $longest."
        }
    }

    /**
     * Translates a text.
     *
     * @throws IllegalArgumentException if it has more tokens than the file accepts, or lacks the tag
     *     of a source feature.
     */
    @Synchronized
    fun translate(text: String): Translation {
        val words = source.cut(text)
        val ids = source.encode(text)
        require(ids.size <= longest) {
            "expected at most $longest tokens including </s>. Received: ${ids.size}."
        }
        val padded = ids.copyOf(if (anyLength) ids.size else maxSourceLength)
        val tokens = arrayOf(IntArray(maxLength))
        val score = FloatArray(1)
        val attended = padded.size - source.features.size
        val weights = arrayOf(Array(maxLength) { FloatArray(attended) })
        interpreter.runSignature(
            mapOf<String, Any>("source" to arrayOf(padded)),
            mapOf<String, Any>("tokens" to tokens, "score" to score, "alignment" to weights),
            "greedy",
        )
        if (words.isEmpty()) {
            tokens[0][0] = END
            score[0] = 0f
        }
        return translation(tokens[0], score[0], weights[0], words)
    }

    override fun close() = interpreter.close()

    private fun translation(
        padded: IntArray, score: Float, weights: Array<FloatArray>, words: List<String>,
    ): Translation {
        val end = padded.indexOf(END)
        val ids = padded.take(if (end < 0) padded.size else end + 1).filter { it != PAD }
        val alignment = ids.indices.map { weights[it].copyOf(words.size + 1) }
        val tokens = ids.zip(alignment) { id, row ->
            sourceWord(id, row, words) ?: target.tokens[id]
        }
        val read = tokens.filterIndexed { step, _ -> ids[step] != START && ids[step] != END }
        return Translation(target.join(read), score, tokens, alignment)
    }

    /** Returns the source token that replaces `<unk>`: the one with the largest weight, if any. */
    private fun sourceWord(id: Int, row: FloatArray, words: List<String>): String? {
        if (id != UNKNOWN || !replaceUnknown) return null
        return words.indices.maxByOrNull { row[it] }?.takeIf { row[it] > 0 }?.let(words::get)
    }
}

/** Returns the files of the zip archive at the end of a TFLite file. */
private fun readArchive(file: File): Map<String, String> = ZipFile(file).use { archive ->
    archive.entries().asSequence().associate {
        it.name to archive.getInputStream(it).readBytes().decodeToString()
    }
}

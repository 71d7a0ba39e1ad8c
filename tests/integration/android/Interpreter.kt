package org.tensorflow.lite

import java.io.File

/** A stand-in for LiteRT's class: `greedy` returns the source as output, with a diagonal alignment. */
class Interpreter(@Suppress("UNUSED_PARAMETER") file: File, options: Options?) : AutoCloseable {
    class Options {
        fun setNumThreads(numThreads: Int): Options = apply { check(numThreads > 0) }

        fun setUseXNNPACK(useXNNPACK: Boolean): Options = apply { check(!useXNNPACK) }
    }

    init {
        checkNotNull(options)
    }

    @Suppress("UNCHECKED_CAST")
    fun runSignature(inputs: Map<String, Any>, outputs: Map<String, Any>, signatureKey: String) {
        check(signatureKey == "greedy" && inputs.keys == setOf("source"))
        val source = (inputs.getValue("source") as Array<IntArray>).single()
        val tokens = (outputs.getValue("tokens") as Array<IntArray>).single()
        source.copyInto(tokens, endIndex = minOf(source.size, tokens.size))
        (outputs.getValue("score") as FloatArray)[0] = -source.sum().toFloat()
        (outputs.getValue("alignment") as Array<Array<FloatArray>>).single().forEachIndexed { step, row ->
            if (step < row.size) row[step] = 1f
        }
    }

    override fun close() {}
}

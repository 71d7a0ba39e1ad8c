package kerasattention

import java.io.File
import kotlinx.serialization.json.*

/** Translates the texts of a JSON file with each model that it names, and prints the results. */
fun main(arguments: Array<String>) {
    val given = Json.parseToJsonElement(File(arguments[0]).readText()).jsonObject
    val texts = given.getValue("texts").jsonArray.map { it.jsonPrimitive.content }
    val found = given.getValue("models").jsonArray.map { model ->
        Translator(File(model.jsonPrimitive.content)).use { translator ->
            JsonArray(texts.map { report(translator, it) })
        }
    }
    print(JsonArray(found))
}

private fun report(translator: Translator, text: String): JsonElement =
    try {
        val found = translator.translate(text)
        buildJsonArray {
            add(escape(found.text))
            add(found.score)
            add(JsonArray(found.tokens.map(::escape)))
            add(JsonArray(found.alignment.map { row -> JsonArray(row.map(::JsonPrimitive)) }))
        }
    } catch (error: IllegalArgumentException) {
        JsonPrimitive(error.message)
    }

/** Returns the code units of a text, because a lone surrogate cannot be printed. */
private fun escape(text: String): JsonElement = JsonArray(text.map { JsonPrimitive(it.code) })

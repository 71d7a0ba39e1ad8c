package kerasattention

import java.io.File
import kotlinx.serialization.json.*

/** Translates the texts of a JSON file with each model that it names, and prints the results. */
fun main(arguments: Array<String>) {
    val given = Json.parseToJsonElement(File(arguments[0]).readText()).jsonObject
    val texts = given.getValue("texts").jsonArray.map { it.jsonPrimitive.content }
    val found = given.getValue("models").jsonArray.map { model ->
        orError {
            Translator(File(model.jsonPrimitive.content)).use { translator ->
                JsonArray(texts.map { text -> orError { report(translator.translate(text)) } })
            }
        }
    }
    print(JsonArray(found))
}

/** Returns the result of a function, or the message of its error. */
private fun orError(function: () -> JsonElement): JsonElement =
    try {
        function()
    } catch (error: IllegalArgumentException) {
        JsonPrimitive(error.message)
    }

private fun report(found: Translation): JsonElement = buildJsonArray {
    add(escape(found.text))
    add(found.score)
    add(JsonArray(found.tokens.map(::escape)))
    add(JsonArray(found.alignment.map { row -> JsonArray(row.map(::JsonPrimitive)) }))
}

/** Returns the code units of a text, because a lone surrogate cannot be printed. */
private fun escape(text: String): JsonElement = JsonArray(text.map { JsonPrimitive(it.code) })

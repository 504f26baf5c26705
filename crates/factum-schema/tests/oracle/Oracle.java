// Makes java.json from cases.json with Java's Avro, whose word counts; see README.md.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.ByteArrayOutputStream;
import java.util.HexFormat;
import java.util.TreeSet;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

public class Oracle {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        var cases = JSON.readTree(System.in);
        var answers = JSON.createObjectNode();
        var schemas = answers.putArray("schemas");
        for (var schema : cases.get("schemas")) schemas.add(identity(schema.toString()));
        var texts = answers.putArray("texts");
        for (var text : cases.get("rejected")) texts.add(identity(text.asText()));
        var pairs = answers.putArray("pairs");
        for (var pair : cases.get("pairs")) {
            var writer = parse(cases.get("schemas").get(pair.get(1).asInt()).toString());
            var reader = parse(cases.get("schemas").get(pair.get(2).asInt()).toString());
            if (writer == null || reader == null) pairs.addNull();
            else pairs.add(judge(writer, reader, pair.get(3)));
        }
        System.out.println(JSON.writeValueAsString(answers));
    }

    static Schema parse(String text) {
        try {
            return new Schema.Parser().parse(text);
        } catch (RuntimeException e) {
            return null;
        }
    }

    /** Canonical form, CRC-64-AVRO and SHA-256; null if the text is no schema. */
    static ArrayNode identity(String text) throws Exception {
        var schema = parse(text);
        if (schema == null) return null;
        var identity = JSON.createArrayNode();
        identity.add(SchemaNormalization.toParsingForm(schema));
        identity.add(String.format("%016x", SchemaNormalization.parsingFingerprint64(schema)));
        return identity.add(HexFormat.of().formatHex(SchemaNormalization.parsingFingerprint("SHA-256", schema)));
    }

    /** What is incompatible, by rule; then each value as the reader writes it, null if it can't be read. */
    static ArrayNode judge(Schema writer, Schema reader, JsonNode values) {
        var answer = JSON.createArrayNode();
        var rules = answer.addArray();
        for (var rule : rules(writer, reader)) rules.add(rule);
        var read = answer.addArray();
        for (var value : values) {
            try {
                read.add(HexFormat.of().formatHex(reread(writer, reader, HexFormat.of().parseHex(value.asText()))));
            } catch (Exception | StackOverflowError e) {
                read.addNull();
            }
        }
        return answer;
    }

    static TreeSet<String> rules(Schema writer, Schema reader) {
        var rules = new TreeSet<String>();
        try {
            var result = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getResult();
            for (var finding : result.getIncompatibilities()) {
                rules.add(finding.getType().toString().toLowerCase().replace('_', '-'));
            }
        } catch (RuntimeException e) {
            rules.add("error");
        }
        return rules;
    }

    static byte[] reread(Schema writer, Schema reader, byte[] value) throws Exception {
        var decoder = DecoderFactory.get().binaryDecoder(value, null);
        var datum = new GenericDatumReader<Object>(writer, reader).read(null, decoder);
        var out = new ByteArrayOutputStream();
        var encoder = EncoderFactory.get().binaryEncoder(out, null);
        new GenericDatumWriter<Object>(reader).write(datum, encoder);
        encoder.flush();
        return out.toByteArray();
    }
}

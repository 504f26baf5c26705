// Makes vectors.json from schemas.json with Java's Avro, whose canonical form and fingerprint count.
// With org.apache.avro:avro:1.12.1 and its dependencies in lib/:
//   java -cp 'lib/*' Make.java < schemas.json > vectors.json

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;

public class Make {
    public static void main(String[] args) throws Exception {
        var json = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        var vectors = json.createArrayNode();
        for (var text : json.readTree(System.in)) {
            var schema = new Schema.Parser().parse(text.toString());
            var vector = vectors.addObject();
            vector.set("schema", text);
            vector.put("canonical", SchemaNormalization.toParsingForm(schema));
            vector.put("fingerprint", String.format("%016x", SchemaNormalization.parsingFingerprint64(schema)));
        }
        System.out.println(json.writeValueAsString(vectors));
    }
}

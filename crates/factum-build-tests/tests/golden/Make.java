// Makes vectors.json from values.json with Java's Avro: each value as its version's single-object
// encoding, and as what the event's newest version makes of it.
// With org.apache.avro:avro:1.12.2 and its dependencies in lib/:
//   java -cp 'lib/*' Make.java ../../schemas < values.json > vectors.json

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;

public class Make {
    public static void main(String[] args) throws Exception {
        var json = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        var vectors = json.createArrayNode();
        for (var value : json.readTree(System.in)) {
            var file = Path.of(args[0], value.get("file").asText());
            var written = schema(file);
            var newest = newest(file.getParent());
            var decoder = DecoderFactory.get().jsonDecoder(written, value.get("value").toString());
            var datum = new GenericDatumReader<Object>(written).read(null, decoder);
            var bytes = encode(written, datum);
            var read = new BinaryMessageDecoder<Object>(GenericData.get(), newest);
            read.addSchema(written);
            var vector = vectors.addObject();
            vector.put("file", value.get("file").asText());
            vector.put("value", HexFormat.of().formatHex(bytes));
            vector.put("newest", HexFormat.of().formatHex(encode(newest, read.decode(bytes, null))));
        }
        System.out.println(json.writeValueAsString(vectors));
    }

    static byte[] encode(Schema schema, Object datum) throws Exception {
        var buffer = new BinaryMessageEncoder<Object>(GenericData.get(), schema).encode(datum);
        var bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    static Schema newest(Path event) throws Exception {
        var version = 1;
        while (Files.exists(event.resolve((version + 1) + ".avsc"))) {
            version++;
        }
        return schema(event.resolve(version + ".avsc"));
    }

    static Schema schema(Path file) throws Exception {
        return new Schema.Parser().parse(file.toFile());
    }
}

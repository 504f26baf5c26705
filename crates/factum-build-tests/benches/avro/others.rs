//! Other codecs, on the same events.

use std::hint::black_box;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use factum_build_tests::factum::schema::{SchemaVersion, frame};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_avro_fast::ser::SerializerConfig;

use crate::rounds::{Contender, Group};

/// An event's schemas in other codecs, its values, and what each codec makes of them.
pub struct Others<P> {
    apache: Schema,
    fast: serde_avro_fast::Schema,
    events: Vec<P>,
    avro: Vec<Vec<u8>>,
    postcard: Vec<Vec<u8>>,
    json: Vec<Vec<u8>>,
}

/// The newest schema without its logical types: for serde these values are plain.
fn plain(schemas: &[SchemaVersion]) -> String {
    let newest = schemas.last().expect("an event has a version").json;
    let names = ["uuid", "timestamp-micros"];
    names.iter().fold(newest.to_owned(), |json, name| {
        json.replace(&format!(", \"logicalType\": \"{name}\""), "")
    })
}

impl<P: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug> Others<P> {
    pub fn new(schemas: &[SchemaVersion], events: Vec<P>) -> Self {
        let schema = plain(schemas);
        let mut others = Self {
            apache: Schema::parse_str(&schema).expect("it is a schema"),
            fast: schema.parse().expect("it is a schema"),
            avro: Vec::new(),
            postcard: events
                .iter()
                .map(|e| postcard::to_stdvec(e).expect("it is written"))
                .collect(),
            json: events
                .iter()
                .map(|e| serde_json::to_vec(e).expect("it is written"))
                .collect(),
            events,
        };
        others.avro = others.by_apache();
        assert_eq!(others.avro, others.by_fast(), "both write the same");
        others
    }

    fn by_apache(&self) -> Vec<Vec<u8>> {
        let writer = GenericDatumWriter::builder(&self.apache)
            .build()
            .expect("it is a schema");
        let write = |event| writer.write_ser_to_vec(event).expect("it is written");
        self.events.iter().map(write).collect()
    }

    fn by_fast(&self) -> Vec<Vec<u8>> {
        let mut config = SerializerConfig::new(&self.fast);
        let mut write =
            |event| serde_avro_fast::to_datum_vec(event, &mut config).expect("it is written");
        self.events.iter().map(&mut write).collect()
    }

    pub fn encoders<'a>(&'a self, group: &mut Group<'a>) {
        let writer = GenericDatumWriter::builder(&self.apache)
            .build()
            .expect("it is a schema");
        let mut config = SerializerConfig::new(&self.fast);
        let new_buffer = || Vec::with_capacity(1 << 12);
        let (mut avro, mut fast, mut json) = (new_buffer(), new_buffer(), new_buffer());
        let mut postcard = vec![0; 1 << 12];
        group.add(Contender::new("serde_avro_fast", move || {
            for event in &self.events {
                let mut out = std::mem::take(&mut fast);
                out.clear();
                fast = serde_avro_fast::to_datum(black_box(event), out, &mut config)
                    .expect("it is written");
                black_box(&fast);
            }
        }));
        group.add(Contender::new("apache-avro, serde", move || {
            for event in &self.events {
                avro.clear();
                writer
                    .write_ser(&mut avro, black_box(event))
                    .expect("it is written");
                black_box(&avro);
            }
        }));
        group.add(Contender::new("postcard", move || {
            for event in &self.events {
                black_box(
                    postcard::to_slice(black_box(event), &mut postcard).expect("it is written"),
                );
            }
        }));
        group.add(Contender::new("serde_json", move || {
            for event in &self.events {
                json.clear();
                serde_json::to_writer(&mut json, black_box(event)).expect("it is written");
                black_box(&json);
            }
        }));
    }

    pub fn decoders<'a>(&'a self, group: &mut Group<'a>) {
        let fast = |value: &[u8]| serde_avro_fast::from_datum_slice::<P>(value, &self.fast).ok();
        let reader = GenericDatumReader::builder(&self.apache)
            .build()
            .expect("it is a schema");
        for (event, value) in self.events.iter().zip(&self.avro) {
            assert_eq!(fast(value).as_ref(), Some(event), "it reads what it wrote");
            let apache = reader.read_deser::<P>(&mut value.as_slice());
            assert_eq!(apache.ok().as_ref(), Some(event), "it reads what it wrote");
        }
        group.add(Contender::new("serde_avro_fast", move || {
            for value in &self.avro {
                black_box(fast(black_box(value)));
            }
        }));
        group.add(Contender::new("apache-avro, serde", move || {
            for value in &self.avro {
                black_box(
                    reader
                        .read_deser::<P>(&mut black_box(value.as_slice()))
                        .ok(),
                );
            }
        }));
        group.add(Contender::new("postcard", || {
            for value in &self.postcard {
                black_box(postcard::from_bytes::<P>(black_box(value)).ok());
            }
        }));
        group.add(Contender::new("serde_json", || {
            for value in &self.json {
                black_box(serde_json::from_slice::<P>(black_box(value)).ok());
            }
        }));
    }
}

/// apache-avro alone knows both a writer's and a reader's schema; it makes dynamic values of them.
pub fn resolve<'a>(group: &mut Group<'a>, values: &'a [Vec<u8>], schemas: &[SchemaVersion]) {
    let parse = |version: &SchemaVersion| Schema::parse_str(version.json).expect("it is a schema");
    let parsed: Vec<Schema> = schemas.iter().map(parse).collect();
    group.add(Contender::new("apache-avro, dynamic value", move || {
        let reader = GenericDatumReader::builder(&parsed[0]).reader_schema(&parsed[1]);
        let reader = reader.build().expect("these are schemas");
        for value in values {
            let mut datum = black_box(&value[frame::LEN..]);
            black_box(reader.read_value(&mut datum).expect("it is read"));
        }
    }));
}

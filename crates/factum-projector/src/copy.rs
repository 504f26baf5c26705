//! Rows in Postgres' binary COPY format.

use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use tokio_postgres::types::{IsNull, Type};
use tokio_postgres::{Client, Statement};

use crate::{ProjectorError, Row};

/// The size at which a chunk is sent, in bytes.
const CHUNK: usize = 64 * 1024;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Rows as they are sent.
pub(crate) struct Copy {
    chunks: Vec<Bytes>,
    table: &'static str,
}

impl Copy {
    /// Rows with columns of these types.
    pub(crate) fn of<R: Row>(types: &[Type], rows: &[&R]) -> Result<Self, ProjectorError> {
        let mut chunks = Vec::new();
        let mut buffer = BytesMut::with_capacity(CHUNK + CHUNK / 4);
        buffer.put_slice(SIGNATURE);
        buffer.put_i32(0); // no flags
        buffer.put_i32(0); // no extension of the header
        for row in rows {
            encode(*row, types, &mut buffer)?;
            if buffer.len() >= CHUNK {
                chunks.push(buffer.split().freeze());
                buffer.reserve(CHUNK + CHUNK / 4);
            }
        }
        buffer.put_i16(-1); // the end
        chunks.push(buffer.freeze());
        Ok(Self {
            chunks,
            table: R::TABLE,
        })
    }

    /// How many bytes are sent.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    /// Sends the rows into the table that `statement` names.
    pub(crate) async fn send(
        self,
        client: &Client,
        statement: &Statement,
    ) -> Result<(), ProjectorError> {
        let failed = || ProjectorError::postgres(format!("copy rows of {}", self.table));
        let sink = client.copy_in(statement).await.map_err(failed())?;
        tokio::pin!(sink);
        for chunk in self.chunks {
            sink.feed(chunk).await.map_err(failed())?;
        }
        sink.finish().await.map_err(failed())?;
        Ok(())
    }
}

/// Appends a row: the number of columns, then each value behind its length.
fn encode<R: Row>(row: &R, types: &[Type], out: &mut BytesMut) -> Result<(), ProjectorError> {
    out.put_i16(types.len() as i16);
    for (column, ty) in types.iter().enumerate() {
        let length_at = out.len();
        out.put_i32(-1);
        let refused = |source| ProjectorError::Value {
            table: R::TABLE,
            column: R::COLUMNS[column].name(),
            source,
        };
        let value = row.value(column);
        if let IsNull::No = value.to_sql_checked(ty, out).map_err(refused)? {
            let length = i32::try_from(out.len() - length_at - 4);
            let length = length.map_err(|error| refused(error.into()))?;
            out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

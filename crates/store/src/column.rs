//! Columns to model types: every value that leaves a row goes through here, so that a bad one is told by its place.

use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{StoreError, StoreResult};

/// A row with the name of its table.
pub(crate) struct Columns<'r> {
    pub table: &'static str,
    pub row: &'r SqliteRow,
}

impl<'r> Columns<'r> {
    pub fn new(table: &'static str, row: &'r SqliteRow) -> Self {
        Self { table, row }
    }

    fn get<T>(&self, column: &'static str) -> StoreResult<T>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.row.try_get(column).map_err(|source| StoreError::Database { doing: "read a column", source })
    }

    fn corrupt(
        &self,
        column: &'static str,
        text: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::Corrupt { table: self.table, column, text: text.to_owned(), source: source.into() }
    }

    pub fn text(&self, column: &'static str) -> StoreResult<String> {
        self.get(column)
    }

    pub fn text_if(&self, column: &'static str) -> StoreResult<Option<String>> {
        self.get(column)
    }

    pub fn blob_if(&self, column: &'static str) -> StoreResult<Option<Vec<u8>>> {
        self.get(column)
    }

    pub fn flag(&self, column: &'static str) -> StoreResult<bool> {
        Ok(self.get::<i64>(column)? != 0)
    }

    /// A value that is written as text: ids, addresses, networks.
    pub fn parsed<T>(&self, column: &'static str) -> StoreResult<T>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = self.text(column)?;
        text.parse().map_err(|error| self.corrupt(column, &text, error))
    }

    pub fn parsed_if<T>(&self, column: &'static str) -> StoreResult<Option<T>>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let text = self.text_if(column)?;
        text.map(|text| text.parse().map_err(|error| self.corrupt(column, &text, error))).transpose()
    }

    /// A word of an enumeration.
    pub fn word<T: DeserializeOwned>(&self, column: &'static str) -> StoreResult<T> {
        let text = self.text(column)?;
        serde_json::from_value(serde_json::Value::String(text.clone()))
            .map_err(|error| self.corrupt(column, &text, error))
    }

    pub fn word_if<T: DeserializeOwned>(&self, column: &'static str) -> StoreResult<Option<T>> {
        self.text_if(column)?.map(|_| self.word(column)).transpose()
    }

    /// A structured value.
    pub fn json<T: DeserializeOwned>(&self, column: &'static str) -> StoreResult<T> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| self.corrupt(column, &text, error))
    }

    pub fn json_if<T: DeserializeOwned>(&self, column: &'static str) -> StoreResult<Option<T>> {
        let text = self.text_if(column)?;
        text.map(|text| serde_json::from_str(&text).map_err(|error| self.corrupt(column, &text, error)))
            .transpose()
    }

    /// A count that is never negative.
    pub fn count<T: TryFrom<i64>>(&self, column: &'static str) -> StoreResult<T>
    where
        T::Error: std::error::Error + Send + Sync + 'static,
    {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|error| self.corrupt(column, &number.to_string(), error))
    }

    pub fn time(&self, column: &'static str) -> StoreResult<Timestamp> {
        let millis: i64 = self.get(column)?;
        Timestamp::from_millisecond(millis).map_err(|error| self.corrupt(column, &millis.to_string(), error))
    }

    pub fn time_if(&self, column: &'static str) -> StoreResult<Option<Timestamp>> {
        let millis: Option<i64> = self.get(column)?;
        millis
            .map(|millis| {
                Timestamp::from_millisecond(millis)
                    .map_err(|error| self.corrupt(column, &millis.to_string(), error))
            })
            .transpose()
    }
}

/// The word that stands for a value of an enumeration.
pub(crate) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("an enumeration of plain words serializes to a string, not {other:?}"),
    }
}

/// A structured value as JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("model types serialize: {error}"))
}

/// A size for a column; SQLite's integers are signed, and no real size comes near their end.
pub(crate) fn size(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

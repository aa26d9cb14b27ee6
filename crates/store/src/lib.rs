//! The cloud's memory: one SQLite file in WAL mode. Rows are private to this crate and become model types on the way
//! out; a row that does not fit the model is an error that names the table and the row, never a guess.
//!
//! One process owns the file (the daemon holds a lock on its state directory). Changes that must hang together are
//! one call here and one transaction; the count of rows that an update touched is checked.
#![forbid(unsafe_code)]

mod access;
mod acl;
mod column;
mod credits;
mod dhcp;
mod elastic;
mod flow_log;
mod gateway;
mod holder;
mod image;
mod insights;
mod instance;
mod interface;
mod key;
mod modification;
mod nat;
mod prefix_list;
mod route;
mod saved_machine;
mod security;
mod snapshot;
mod tag;
mod token;
mod volume;
mod vpc;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite, SqlitePool, Transaction};

pub use access::AccessKeyRecord;
pub use credits::CreditRecord;
pub use holder::Holder;
pub use instance::{InstanceRecord, NewLaunch, Transition};
pub use interface::InterfaceRecord;
pub use saved_machine::{SavedMachineRecord, SavedSource};
pub use token::RequestToken;
pub use vpc::NewVpc;
pub use vpc::subnet::SubnetRecord;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error("database: {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// The database's schema could not be brought up to date.
    #[error("can't migrate the database")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A row holds what the model can't.
    #[error("table {table}, column {column}: {text:?} can't be read")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// The value.
        text: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A unique value is there already.
    #[error("{0} is there already")]
    Duplicate(&'static str),
    /// What was to be changed is not there, or not in the state that the change starts from.
    #[error("{0} is not there, or has changed meanwhile")]
    Gone(&'static str),
}

/// What a store call gives.
pub type StoreResult<T> = Result<T, StoreError>;

/// Gives a database error the name of what was being done.
pub(crate) fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

/// Like [`doing`], for inserts in which a unique value may be there already.
pub(crate) fn inserting(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| match &source {
        sqlx::Error::Database(error) if error.is_unique_violation() => StoreError::Duplicate(what),
        _ => StoreError::Database { doing: what, source },
    }
}

/// Checks that a change touched exactly one row.
pub(crate) fn one_row(done: sqlx::sqlite::SqliteQueryResult, what: &'static str) -> StoreResult<()> {
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Gone(what)) }
}

/// The store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// Connections that only read.
    pool: SqlitePool,
    /// The one connection that writes. SQLite lets one write at a time; who waits for it waits here, in turn, and keeps
    /// no reader from reading.
    writer: SqlitePool,
}

/// How long a call waits for its turn: a commit waits for the disk, and many may be before it.
const TURN_LIMIT: Duration = Duration::from_secs(120);

impl Store {
    /// Opens the database file, making it when it is not there, and brings its schema up to date.
    pub async fn open(path: &Path) -> StoreResult<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With a write-ahead log, FULL makes each commit durable before it is answered.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(30))
            // A commit waits for the disk; on a loaded one that is no news.
            .log_slow_statements(log::LevelFilter::Debug, Duration::from_secs(1));
        let connect = async |count, options| {
            let pool = SqlitePoolOptions::new().max_connections(count).acquire_timeout(TURN_LIMIT);
            pool.acquire_slow_threshold(TURN_LIMIT)
                .connect_with(options)
                .await
                .map_err(doing("open the database"))
        };
        let writer = connect(1, options.clone()).await?;
        sqlx::migrate!().run(&writer).await.map_err(StoreError::Migrate)?;
        Ok(Self { pool: connect(4, options.create_if_missing(false)).await?, writer })
    }

    /// Closes the database; its write-ahead log is folded in.
    pub async fn close(&self) {
        self.pool.close().await;
        self.writer.close().await;
    }

    async fn connection(&self) -> StoreResult<sqlx::pool::PoolConnection<Sqlite>> {
        self.pool.acquire().await.map_err(doing("get a connection to the database"))
    }

    async fn begin(&self) -> StoreResult<Transaction<'static, Sqlite>> {
        // IMMEDIATE: should anybody else write to the file, a transaction waits here and can't fail half way for a lock.
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(doing("begin a transaction"))
    }
}

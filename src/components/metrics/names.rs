//! Every number that is shown: its name, its kind and what it says. Whoever counts takes the name from here.

use metrics::{describe_counter, describe_gauge, describe_histogram};

pub const REQUESTS: &str = "doorward_requests_total";
pub const REQUEST_SECONDS: &str = "doorward_request_seconds";
pub const REFUSALS: &str = "doorward_refusals_total";
pub const REFUSALS_LOST: &str = "doorward_refusals_lost_total";
pub const SESSIONS_STARTED: &str = "doorward_sessions_started_total";
pub const SESSIONS_LIVE: &str = "doorward_sessions_live";
pub const REFRESH_AHEAD: &str = "doorward_refresh_ahead_total";
pub const REFRESH_REUSE: &str = "doorward_refresh_reuse_total";
pub const HASHES: &str = "doorward_hasher_hashes_total";
pub const HASHES_REFUSED: &str = "doorward_hasher_refused_total";
pub const HASHES_IN_FLIGHT: &str = "doorward_hasher_in_flight";
pub const HASHES_QUEUED: &str = "doorward_hasher_queued";
pub const DATABASE_WAIT: &str = crate::db::WAIT_SECONDS;
pub const RECORDER_BYTES: &str = "doorward_recorder_bytes";
pub const COMPONENT_STATE: &str = "doorward_component_state";
pub const LISTENING: &str = "doorward_listening";
pub const SOCKETS: &str = "doorward_sockets";
pub const JOBS_DONE: &str = "doorward_jobs_total";
pub const JOB_SECONDS: &str = "doorward_job_seconds";
pub const JOBS: &str = "doorward_jobs";
pub const JOBS_OLDEST_DUE: &str = "doorward_jobs_oldest_due_seconds";
pub const JOBS_UNKNOWN: &str = "doorward_jobs_unknown";
pub const CLEANED: &str = "doorward_cleaned_rows_total";
pub const PANICS: &str = "doorward_panics_total";

/// The help texts. Counters that tell of trouble are there from the start, at nought, so that an alarm on a rise sees
/// the first one.
pub fn describe() {
    describe_counter!(REQUESTS, "Requests by event and class of status.");
    describe_histogram!(REQUEST_SECONDS, "How long requests took, in seconds, by event.");
    describe_counter!(REFUSALS, "Refused requests by key.");
    describe_counter!(REFUSALS_LOST, "Refused requests that could not be written to the audit.");
    describe_counter!(SESSIONS_STARTED, "Sessions that began: logins that went through.");
    describe_gauge!(SESSIONS_LIVE, "Sessions that may still be refreshed, counted once a minute.");
    describe_counter!(REFRESH_AHEAD, "Refresh tokens ahead of their session: an old database was restored.");
    describe_counter!(REFRESH_REUSE, "Families of refresh tokens ended because a spent one came back.");
    describe_counter!(HASHES, "Password hashes done.");
    describe_counter!(HASHES_REFUSED, "Password hashes refused because the queue was full or too slow.");
    describe_gauge!(HASHES_IN_FLIGHT, "Password hashes being made now.");
    describe_gauge!(HASHES_QUEUED, "Password hashes waiting now.");
    describe_histogram!(DATABASE_WAIT, "How long work waited for a connection to the database, in seconds.");
    describe_gauge!(RECORDER_BYTES, "What the recorder of requests holds in memory, in bytes.");
    describe_gauge!(
        COMPONENT_STATE,
        "0 declared, 1 initializing, 2 initialized, 3 starting, 4 started, 5 degraded, 6 draining, 7 stopped, 8 failed."
    );
    describe_gauge!(LISTENING, "1 while this node hears what other nodes changed.");
    describe_gauge!(SOCKETS, "Sockets that are open.");
    describe_counter!(JOBS_DONE, "Runs of jobs by name and outcome.");
    describe_histogram!(JOB_SECONDS, "How long runs of jobs took, in seconds, by name.");
    describe_gauge!(JOBS, "Jobs by state.");
    describe_gauge!(JOBS_OLDEST_DUE, "How long the oldest job that is due has waited, in seconds.");
    describe_gauge!(JOBS_UNKNOWN, "Jobs whose name no room of this program knows.");
    describe_counter!(CLEANED, "Rows that clean-ups took away, by table.");
    describe_counter!(PANICS, "Panics: each is a fault of this program.");
    for trouble in [PANICS, REFUSALS_LOST, HASHES_REFUSED, REFRESH_AHEAD, REFRESH_REUSE] {
        metrics::counter!(trouble).absolute(0);
    }
}

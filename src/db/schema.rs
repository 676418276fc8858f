//! The tables, once for both databases.
//!
//! One file, however long: it is read by looking a table up, a column is a line, and what may stand in one query
//! together must be said of all tables at once.

/// `diesel::table!` with our own SQL types in reach.
macro_rules! table {
    ($($table:tt)*) => {
        diesel::table! {
            use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text};
            use $crate::db::types::sql::{Instant, Jsonb, Uuid};
            $($table)*
        }
    };
}

table! { installation (id) {
    id -> Integer,
    environment -> Text,
    restore_epoch -> BigInt,
    canary -> Nullable<Binary>,
    created_at -> Instant,
    backed_up_at -> Nullable<Instant>,
    backed_up_to -> Nullable<Text>,
} }

table! { tenants (id) {
    id -> Uuid,
    name -> Text,
    display_name -> Text,
    issuer -> Text,
    public_url -> Text,
    data -> Jsonb,
    settings -> Jsonb,
    epoch -> BigInt,
    created_at -> Instant,
    updated_at -> Instant,
    suspended_at -> Nullable<Instant>,
    deleted_at -> Nullable<Instant>,
} }

table! { tenant_hosts (host) {
    host -> Text,
    tenant_id -> Uuid,
    created_at -> Instant,
} }

table! { clients (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    public_id -> Text,
    name -> Text,
    kind -> Text,
    is_default -> Bool,
    secret_hash -> Nullable<Binary>,
    audiences -> Jsonb,
    continue_urls -> Jsonb,
    settings -> Jsonb,
    created_at -> Instant,
    updated_at -> Instant,
    disabled_at -> Nullable<Instant>,
} }

table! { client_origins (client_id, origin) {
    client_id -> Uuid,
    origin -> Text,
    tenant_id -> Uuid,
} }

table! { users (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    name -> Nullable<Text>,
    locale -> Nullable<Text>,
    profile -> Jsonb,
    app_data -> Jsonb,
    epoch -> BigInt,
    last_login_at -> Nullable<Instant>,
    created_at -> Instant,
    updated_at -> Instant,
    disabled_at -> Nullable<Instant>,
    deleted_at -> Nullable<Instant>,
} }

table! { memberships (tenant_id, user_id) {
    tenant_id -> Uuid,
    user_id -> Uuid,
    epoch -> BigInt,
    created_at -> Instant,
} }

table! { login_identifiers (tenant_id, kind, value) {
    tenant_id -> Uuid,
    kind -> Text,
    value -> Text,
    user_id -> Uuid,
    created_at -> Instant,
} }

table! { password_logins (user_id) {
    user_id -> Uuid,
    tenant_id -> Uuid,
    email -> Text,
    password_hash -> Nullable<Text>,
    must_change -> Bool,
    otp_enabled_at -> Nullable<Instant>,
    verified_at -> Nullable<Instant>,
    changed_at -> Instant,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { anonymous_logins (user_id) {
    user_id -> Uuid,
    tenant_id -> Uuid,
    token_hash -> Binary,
    is_allowed_to_login -> Bool,
    created_at -> Instant,
    updated_at -> Instant,
    expires_at -> Nullable<Instant>,
} }

table! { digid_logins (user_id) {
    user_id -> Uuid,
    tenant_id -> Uuid,
    bsn_mac -> Binary,
    bsn_sealed -> Binary,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { openid_logins (id) {
    id -> Uuid,
    user_id -> Uuid,
    tenant_id -> Uuid,
    provider -> Text,
    subject -> Text,
    email -> Nullable<Text>,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { totp_settings (user_id) {
    user_id -> Uuid,
    tenant_id -> Uuid,
    secret_sealed -> Binary,
    last_step -> BigInt,
    verified_at -> Nullable<Instant>,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { sign_ups (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    client_id -> Uuid,
    email -> Text,
    name -> Nullable<Text>,
    locale -> Nullable<Text>,
    password_hash -> Nullable<Text>,
    created_at -> Instant,
    expires_at -> Instant,
} }

table! { one_time_proofs (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    purpose -> Text,
    token_hash -> Binary,
    code_mac -> Nullable<Binary>,
    request_id -> Uuid,
    address -> Text,
    user_id -> Nullable<Uuid>,
    subject_id -> Nullable<Uuid>,
    client_id -> Nullable<Uuid>,
    data -> Jsonb,
    tries -> Integer,
    created_at -> Instant,
    expires_at -> Instant,
} }

table! { invitations (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    email -> Text,
    roles -> Jsonb,
    invited_by -> Nullable<Uuid>,
    created_at -> Instant,
    expires_at -> Instant,
    accepted_at -> Nullable<Instant>,
    revoked_at -> Nullable<Instant>,
} }

table! { permissions (id) {
    id -> Uuid,
    identifier -> Text,
    created_at -> Instant,
} }

table! { roles (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    identifier -> Text,
    is_mandatory -> Bool,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { role_permissions (role_id, permission_id) {
    role_id -> Uuid,
    permission_id -> Uuid,
    tenant_id -> Uuid,
    created_at -> Instant,
} }

table! { user_roles (user_id, role_id) {
    user_id -> Uuid,
    role_id -> Uuid,
    tenant_id -> Uuid,
    granted_by -> Nullable<Uuid>,
    created_at -> Instant,
} }

table! { sessions (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    user_id -> Uuid,
    client_id -> Uuid,
    kind -> Text,
    login_type -> Text,
    factors -> Jsonb,
    impersonator_user_id -> Nullable<Uuid>,
    seed_sealed -> Binary,
    generation -> BigInt,
    rotated_at -> Instant,
    rotation_key_hash -> Nullable<Binary>,
    authenticated_at -> Instant,
    created_at -> Instant,
    last_used_at -> Instant,
    idle_seconds -> BigInt,
    idle_expires_at -> Instant,
    absolute_expires_at -> Instant,
    address -> Nullable<Text>,
    user_agent -> Nullable<Text>,
    revoked_at -> Nullable<Instant>,
    revoked_reason -> Nullable<Text>,
} }

table! { pending_logins (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    user_id -> Uuid,
    client_id -> Uuid,
    user_epoch -> BigInt,
    login_type -> Text,
    next -> Text,
    factors -> Jsonb,
    device -> Nullable<Jsonb>,
    address -> Nullable<Text>,
    user_agent -> Nullable<Text>,
    created_at -> Instant,
    expires_at -> Instant,
} }

table! { idempotency_keys (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    key_hash -> Binary,
    input_hash -> Binary,
    answer_sealed -> Binary,
    created_at -> Instant,
} }

table! { devices (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    session_id -> Uuid,
    user_id -> Uuid,
    name -> Text,
    platform -> Text,
    notification_token -> Nullable<Text>,
    web_push_information -> Nullable<Jsonb>,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { guess_counters (tenant_id, key_mac) {
    tenant_id -> Uuid,
    key_mac -> Binary,
    failures -> Integer,
    last_at -> Instant,
    blocked_until -> Instant,
} }

table! { signing_keys (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    state -> Text,
    public_key -> Binary,
    private_sealed -> Binary,
    created_at -> Instant,
    published_at -> Instant,
    activated_at -> Nullable<Instant>,
    retiring_at -> Nullable<Instant>,
    dies_at -> Nullable<Instant>,
    revoked_at -> Nullable<Instant>,
} }

table! { jobs (id) {
    id -> Uuid,
    tenant_id -> Nullable<Uuid>,
    kind -> Text,
    name -> Text,
    priority -> Integer,
    scheduled_at -> Instant,
    state -> Text,
    retry_count -> Integer,
    max_attempts -> Integer,
    handler_timeout_ms -> Nullable<BigInt>,
    data -> Jsonb,
    sealed -> Nullable<Binary>,
    dedupe_key -> Nullable<Text>,
    leased_by -> Nullable<Text>,
    leased_until -> Nullable<Instant>,
    fence -> BigInt,
    last_error -> Nullable<Text>,
    request_id -> Nullable<Uuid>,
    causation_id -> Nullable<Uuid>,
    actor_id -> Nullable<Uuid>,
    created_at -> Instant,
    updated_at -> Instant,
    completed_at -> Nullable<Instant>,
} }

table! { job_pauses (name) {
    name -> Text,
    created_at -> Instant,
} }

table! { cron_jobs (id) {
    id -> Uuid,
    tenant_id -> Nullable<Uuid>,
    name -> Text,
    expression -> Text,
    timezone -> Text,
    next_at -> Instant,
    last_at -> Nullable<Instant>,
    disabled_at -> Nullable<Instant>,
    created_at -> Instant,
    updated_at -> Instant,
    description -> Text,
    trigger_name -> Text,
    data -> Jsonb,
    missed -> Text,
    bounds -> Jsonb,
} }

table! { actions (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    name -> Text,
    description -> Text,
    listens -> Jsonb,
    conditions -> Jsonb,
    handler -> Text,
    configuration -> Jsonb,
    throws_on_success -> Jsonb,
    throws_on_failure -> Jsonb,
    priority -> Integer,
    is_enabled -> Bool,
    max_attempts -> Integer,
    bounds -> Jsonb,
    runs_as -> Nullable<Uuid>,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { action_runs (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    action_id -> Uuid,
    action_name -> Text,
    event_id -> Uuid,
    trigger_name -> Text,
    chain_id -> Uuid,
    depth -> Integer,
    bounds -> Jsonb,
    envelope -> Jsonb,
    state -> Text,
    attempts -> Integer,
    detail -> Jsonb,
    last_error -> Nullable<Text>,
    duration_ms -> Nullable<BigInt>,
    created_at -> Instant,
    updated_at -> Instant,
    ended_at -> Nullable<Instant>,
} }

table! { packs (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    name -> Text,
    version -> Text,
    content -> Jsonb,
    inputs -> Jsonb,
    parts -> Jsonb,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { inbound_webhooks (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    name -> Text,
    description -> Text,
    scheme -> Text,
    trigger_name -> Text,
    secret_sealed -> Binary,
    bounds -> Jsonb,
    is_enabled -> Bool,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { webhooks (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    url -> Text,
    description -> Text,
    listens -> Jsonb,
    is_enabled -> Bool,
    shows_people -> Bool,
    secret_sealed -> Binary,
    previous_sealed -> Nullable<Binary>,
    previous_until -> Nullable<Instant>,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { deliveries (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    webhook_id -> Uuid,
    event_id -> Uuid,
    trigger_name -> Text,
    envelope -> Jsonb,
    state -> Text,
    attempts -> Integer,
    last_status -> Nullable<Integer>,
    last_error -> Nullable<Text>,
    last_answer -> Nullable<Text>,
    duration_ms -> Nullable<BigInt>,
    created_at -> Instant,
    updated_at -> Instant,
    ended_at -> Nullable<Instant>,
    due_at -> Nullable<Instant>,
    text -> Nullable<Text>,
} }

table! { outbox_places (name) {
    name -> Text,
    xact -> BigInt,
    sequence -> BigInt,
    updated_at -> Instant,
} }

table! { domain_events (sequence) {
    sequence -> BigInt,
    xact -> BigInt,
    id -> Uuid,
    tenant_id -> Nullable<Uuid>,
    trigger_name -> Text,
    subject_kind -> Text,
    subject_id -> Nullable<Uuid>,
    actor_kind -> Text,
    actor_id -> Nullable<Uuid>,
    data -> Jsonb,
    request_id -> Nullable<Uuid>,
    causation_id -> Nullable<Uuid>,
    created_at -> Instant,
} }

table! { audit_records (id) {
    id -> Uuid,
    tenant_id -> Nullable<Uuid>,
    action -> Text,
    outcome -> Text,
    reason -> Nullable<Text>,
    actor_kind -> Text,
    actor_id -> Nullable<Uuid>,
    on_behalf_of -> Nullable<Uuid>,
    target_kind -> Nullable<Text>,
    target_id -> Nullable<Uuid>,
    session_id -> Nullable<Uuid>,
    request_id -> Nullable<Uuid>,
    address -> Nullable<Text>,
    user_agent -> Nullable<Text>,
    count -> BigInt,
    data -> Jsonb,
    created_at -> Instant,
} }

table! { feature_flags (id) {
    id -> Uuid,
    name -> Text,
    description -> Text,
    global_value -> Bool,
    created_at -> Instant,
    updated_at -> Instant,
} }

table! { feature_flag_values (flag_id, tenant_id) {
    flag_id -> Uuid,
    tenant_id -> Uuid,
    value -> Bool,
    updated_at -> Instant,
} }

table! { files (id) {
    id -> Uuid,
    tenant_id -> Uuid,
    bucket_name -> Text,
    content_length -> BigInt,
    content_type -> Text,
    name -> Text,
    meta -> Jsonb,
    created_at -> Instant,
    updated_at -> Instant,
} }

diesel::allow_tables_to_appear_in_same_query!(
    idempotency_keys,
    installation,
    tenants,
    tenant_hosts,
    clients,
    client_origins,
    users,
    memberships,
    login_identifiers,
    password_logins,
    anonymous_logins,
    digid_logins,
    openid_logins,
    totp_settings,
    sign_ups,
    one_time_proofs,
    invitations,
    permissions,
    roles,
    role_permissions,
    user_roles,
    sessions,
    pending_logins,
    devices,
    guess_counters,
    signing_keys,
    jobs,
    job_pauses,
    cron_jobs,
    actions,
    action_runs,
    packs,
    inbound_webhooks,
    webhooks,
    deliveries,
    outbox_places,
    domain_events,
    audit_records,
    feature_flags,
    feature_flag_values,
    files,
);

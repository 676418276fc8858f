-- The whole entity model. Its twin stands in migrations/postgres; a test compares the two.
-- Ids, times and defaults come from the program, so that both databases hold the same.

-- One row: which environment this database belongs to, and a canary that only the right master key opens.
CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    environment TEXT NOT NULL,
    restore_epoch INTEGER NOT NULL,
    canary BLOB,
    created_at INTEGER NOT NULL
) STRICT;

-- Tenants, their hosts and their apps --------------------------------------------------------------

CREATE TABLE tenants (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    issuer TEXT NOT NULL UNIQUE,
    public_url TEXT NOT NULL,
    data TEXT NOT NULL,
    settings TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    suspended_at INTEGER,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tenant_hosts (
    host TEXT PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tenant_hosts_tenant ON tenant_hosts (tenant_id);

CREATE TABLE clients (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    public_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    secret_hash BLOB,
    audiences TEXT NOT NULL,
    continue_urls TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    disabled_at INTEGER,
    UNIQUE (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX clients_one_default ON clients (tenant_id) WHERE is_default;

CREATE TABLE client_origins (
    client_id BLOB NOT NULL,
    origin TEXT NOT NULL,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    PRIMARY KEY (client_id, origin),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX client_origins_origin ON client_origins (origin);
CREATE INDEX client_origins_tenant ON client_origins (tenant_id);

-- People -------------------------------------------------------------------------------------------

-- tenant_id is the home: its admins manage the account.
CREATE TABLE users (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name TEXT,
    locale TEXT,
    profile TEXT NOT NULL,
    app_data TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    last_login_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    disabled_at INTEGER,
    deleted_at INTEGER,
    UNIQUE (tenant_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX users_by_name ON users (tenant_id, name, id);
CREATE INDEX users_by_creation ON users (tenant_id, created_at, id);

CREATE TABLE memberships (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_user ON memberships (user_id);

-- Who an address means in a tenant. A collision never refuses a membership; it leaves it without a row here.
CREATE TABLE login_identifiers (
    tenant_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    user_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind, value),
    UNIQUE (tenant_id, user_id, kind),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX login_identifiers_user ON login_identifiers (user_id);

CREATE TABLE password_logins (
    user_id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT,
    must_change INTEGER NOT NULL,
    otp_enabled_at INTEGER,
    verified_at INTEGER,
    changed_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (tenant_id, email),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE anonymous_logins (
    user_id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    is_allowed_to_login INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The citizen number is sealed; the keyed hash finds it.
CREATE TABLE digid_logins (
    user_id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL,
    bsn_mac BLOB NOT NULL,
    bsn_sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (tenant_id, bsn_mac),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- People who enter through a provider: keyed by its subject, never by address.
CREATE TABLE openid_logins (
    id BLOB PRIMARY KEY,
    user_id BLOB NOT NULL,
    tenant_id BLOB NOT NULL,
    provider TEXT NOT NULL,
    subject TEXT NOT NULL,
    email TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (tenant_id, provider, subject),
    UNIQUE (user_id, provider),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE totp_settings (
    user_id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL,
    secret_sealed BLOB NOT NULL,
    last_step INTEGER NOT NULL,
    verified_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Sign-ups that nobody has proven yet: several may wait for one address, the first proof deletes the rest.
CREATE TABLE sign_ups (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    client_id BLOB NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    name TEXT,
    locale TEXT,
    password_hash TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ups_email ON sign_ups (tenant_id, email, created_at);
CREATE INDEX sign_ups_expiry ON sign_ups (expires_at);
CREATE INDEX sign_ups_client ON sign_ups (client_id);

-- One store for everything that may be used once; `purpose` is part of every question asked of it.
CREATE TABLE one_time_proofs (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    code_mac BLOB,
    request_id BLOB NOT NULL,
    address TEXT NOT NULL,
    user_id BLOB REFERENCES users (id) ON DELETE CASCADE,
    subject_id BLOB,
    client_id BLOB REFERENCES clients (id) ON DELETE CASCADE,
    data TEXT NOT NULL,
    tries INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_proofs_code ON one_time_proofs (tenant_id, purpose, address, request_id);
CREATE INDEX one_time_proofs_user ON one_time_proofs (user_id, purpose);
CREATE INDEX one_time_proofs_subject ON one_time_proofs (subject_id);
CREATE INDEX one_time_proofs_client ON one_time_proofs (client_id);
CREATE INDEX one_time_proofs_expiry ON one_time_proofs (expires_at);

CREATE TABLE invitations (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    roles TEXT NOT NULL,
    invited_by BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    accepted_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_email ON invitations (tenant_id, email);
CREATE INDEX invitations_by_creation ON invitations (tenant_id, created_at, id);

-- Rights -------------------------------------------------------------------------------------------

CREATE TABLE permissions (
    id BLOB PRIMARY KEY,
    identifier TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE roles (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    identifier TEXT NOT NULL,
    is_mandatory INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (tenant_id, identifier),
    UNIQUE (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE role_permissions (
    role_id BLOB NOT NULL,
    permission_id BLOB NOT NULL REFERENCES permissions (id) ON DELETE CASCADE,
    tenant_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (role_id, permission_id),
    FOREIGN KEY (tenant_id, role_id) REFERENCES roles (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX role_permissions_permission ON role_permissions (permission_id);
CREATE INDEX role_permissions_tenant ON role_permissions (tenant_id);

-- Both keys carry the tenant: a role of one tenant can never be given in another.
CREATE TABLE user_roles (
    user_id BLOB NOT NULL,
    role_id BLOB NOT NULL,
    tenant_id BLOB NOT NULL,
    granted_by BLOB,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, role_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, role_id) REFERENCES roles (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX user_roles_role ON user_roles (tenant_id, role_id);
CREATE INDEX user_roles_user ON user_roles (tenant_id, user_id);

-- Sessions -----------------------------------------------------------------------------------------

-- The authority. No refresh token is stored: the sealed seed makes and checks them all.
CREATE TABLE sessions (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id BLOB NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    login_type TEXT NOT NULL,
    factors TEXT NOT NULL,
    impersonator_user_id BLOB,
    seed_sealed BLOB NOT NULL,
    generation INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    rotation_key_hash BLOB,
    authenticated_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    idle_seconds INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL,
    address TEXT,
    user_agent TEXT,
    revoked_at INTEGER,
    revoked_reason TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id, tenant_id, created_at, id);
CREATE INDEX sessions_tenant ON sessions (tenant_id, created_at, id);
CREATE INDEX sessions_client ON sessions (client_id);
CREATE INDEX sessions_end ON sessions (absolute_expires_at);

-- The password was right and a factor is still due: not a session, and never accepted as one.
CREATE TABLE pending_logins (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id BLOB NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_epoch INTEGER NOT NULL,
    login_type TEXT NOT NULL,
    next TEXT NOT NULL,
    factors TEXT NOT NULL,
    device TEXT,
    address TEXT,
    user_agent TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_logins_user ON pending_logins (user_id);
CREATE INDEX pending_logins_tenant ON pending_logins (tenant_id);
CREATE INDEX pending_logins_client ON pending_logins (client_id);
CREATE INDEX pending_logins_expiry ON pending_logins (expires_at);

CREATE TABLE devices (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id BLOB NOT NULL UNIQUE REFERENCES sessions (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    platform TEXT NOT NULL,
    notification_token TEXT,
    web_push_information TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_user ON devices (user_id);
CREATE INDEX devices_tenant ON devices (tenant_id);
CREATE INDEX devices_notification_token ON devices (notification_token);

-- Wrong guesses in a row, by a keyed hash of tenant and identifier: known addresses and unknown ones alike.
CREATE TABLE guess_counters (
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key_mac BLOB NOT NULL,
    failures INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_mac)
) STRICT, WITHOUT ROWID;
CREATE INDEX guess_counters_age ON guess_counters (last_at);

CREATE TABLE signing_keys (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    public_key BLOB NOT NULL,
    private_sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    activated_at INTEGER,
    retiring_at INTEGER,
    dies_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (tenant_id) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys (tenant_id) WHERE state = 'next';
CREATE INDEX signing_keys_tenant ON signing_keys (tenant_id);

-- Work and history ---------------------------------------------------------------------------------

-- Jobs, deliveries and cron runs are one leased queue; `kind` tells them apart.
CREATE TABLE jobs (
    id BLOB PRIMARY KEY,
    tenant_id BLOB REFERENCES tenants (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    priority INTEGER NOT NULL,
    scheduled_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    retry_count INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    handler_timeout_ms INTEGER,
    data TEXT NOT NULL,
    sealed BLOB,
    dedupe_key TEXT UNIQUE,
    leased_by TEXT,
    leased_until INTEGER,
    fence INTEGER NOT NULL,
    last_error TEXT,
    request_id BLOB,
    causation_id BLOB,
    actor_id BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    completed_at INTEGER
) STRICT;
CREATE INDEX jobs_due ON jobs (state, priority, scheduled_at, id);
CREATE INDEX jobs_name ON jobs (name, state);
CREATE INDEX jobs_tenant ON jobs (tenant_id, created_at, id);
CREATE INDEX jobs_finished ON jobs (completed_at);

-- A name that stands here is not run, by any worker, until it is taken away again.
CREATE TABLE job_pauses (
    name TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cron_jobs (
    id BLOB PRIMARY KEY,
    tenant_id BLOB REFERENCES tenants (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    expression TEXT NOT NULL,
    timezone TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    last_at INTEGER,
    disabled_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX cron_jobs_of_the_house ON cron_jobs (name) WHERE tenant_id IS NULL;
CREATE UNIQUE INDEX cron_jobs_of_a_tenant ON cron_jobs (tenant_id, name) WHERE tenant_id IS NOT NULL;
CREATE INDEX cron_jobs_next ON cron_jobs (next_at);

-- What happened, written with the change itself. `xact` orders rows that committed out of sequence.
CREATE TABLE domain_events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    xact INTEGER NOT NULL DEFAULT 0,
    id BLOB NOT NULL UNIQUE,
    tenant_id BLOB REFERENCES tenants (id) ON DELETE CASCADE,
    trigger_name TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id BLOB,
    actor_kind TEXT NOT NULL,
    actor_id BLOB,
    data TEXT NOT NULL,
    request_id BLOB,
    causation_id BLOB,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX domain_events_tenant ON domain_events (tenant_id, sequence);
CREATE INDEX domain_events_order ON domain_events (xact, sequence);
CREATE INDEX domain_events_age ON domain_events (created_at);

CREATE TABLE audit_records (
    id BLOB PRIMARY KEY,
    tenant_id BLOB REFERENCES tenants (id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    actor_kind TEXT NOT NULL,
    actor_id BLOB,
    on_behalf_of BLOB,
    target_kind TEXT,
    target_id BLOB,
    session_id BLOB,
    request_id BLOB,
    address TEXT,
    user_agent TEXT,
    count INTEGER NOT NULL,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_records_tenant ON audit_records (tenant_id, created_at, id);
CREATE INDEX audit_records_request ON audit_records (request_id);
CREATE INDEX audit_records_target ON audit_records (target_id, created_at);

-- What later rooms fill ----------------------------------------------------------------------------

CREATE TABLE feature_flags (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    global_value INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE feature_flag_values (
    flag_id BLOB NOT NULL REFERENCES feature_flags (id) ON DELETE CASCADE,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    value INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (flag_id, tenant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX feature_flag_values_tenant ON feature_flag_values (tenant_id);

CREATE TABLE files (
    id BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    bucket_name TEXT NOT NULL,
    content_length INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    name TEXT NOT NULL,
    meta TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX files_tenant ON files (tenant_id, created_at, id);

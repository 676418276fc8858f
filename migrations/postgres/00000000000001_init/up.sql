-- The whole entity model. Its twin stands in migrations/sqlite; a test compares the two.
-- Ids, times and defaults come from the program, so that both databases hold the same.

-- One row: which environment this database belongs to, and a canary that only the right master key opens.
CREATE TABLE installation (
    id integer PRIMARY KEY CHECK (id = 1),
    environment text COLLATE "C" NOT NULL,
    restore_epoch bigint NOT NULL,
    canary bytea,
    created_at timestamptz NOT NULL
);

-- Tenants, their hosts and their apps --------------------------------------------------------------

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    display_name text COLLATE "C" NOT NULL,
    issuer text COLLATE "C" NOT NULL UNIQUE,
    public_url text COLLATE "C" NOT NULL,
    data jsonb NOT NULL,
    settings jsonb NOT NULL,
    epoch bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    suspended_at timestamptz,
    deleted_at timestamptz
);

CREATE TABLE tenant_hosts (
    host text COLLATE "C" PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL
);
CREATE INDEX tenant_hosts_tenant ON tenant_hosts (tenant_id);

CREATE TABLE clients (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    public_id text COLLATE "C" NOT NULL UNIQUE,
    name text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    is_default boolean NOT NULL,
    secret_hash bytea,
    audiences jsonb NOT NULL,
    continue_urls jsonb NOT NULL,
    settings jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    disabled_at timestamptz,
    UNIQUE (tenant_id, id)
);
CREATE UNIQUE INDEX clients_one_default ON clients (tenant_id) WHERE is_default;

CREATE TABLE client_origins (
    client_id uuid NOT NULL,
    origin text COLLATE "C" NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    PRIMARY KEY (client_id, origin),
    FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX client_origins_origin ON client_origins (origin);
CREATE INDEX client_origins_tenant ON client_origins (tenant_id);

-- People -------------------------------------------------------------------------------------------

-- tenant_id is the home: its admins manage the account.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name text COLLATE "C",
    locale text COLLATE "C",
    profile jsonb NOT NULL,
    app_data jsonb NOT NULL,
    epoch bigint NOT NULL,
    last_login_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    disabled_at timestamptz,
    deleted_at timestamptz,
    UNIQUE (tenant_id, id)
);
CREATE INDEX users_by_name ON users (tenant_id, name, id);
CREATE INDEX users_by_creation ON users (tenant_id, created_at, id);

CREATE TABLE memberships (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    epoch bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

-- Who an address means in a tenant. A collision never refuses a membership; it leaves it without a row here.
CREATE TABLE login_identifiers (
    tenant_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, kind, value),
    UNIQUE (tenant_id, user_id, kind),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX login_identifiers_user ON login_identifiers (user_id);

CREATE TABLE password_logins (
    user_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    email text COLLATE "C" NOT NULL,
    password_hash text COLLATE "C",
    must_change boolean NOT NULL,
    otp_enabled_at timestamptz,
    verified_at timestamptz,
    changed_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, email),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE anonymous_logins (
    user_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    is_allowed_to_login boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

-- The citizen number is sealed; the keyed hash finds it.
CREATE TABLE digid_logins (
    user_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    bsn_mac bytea NOT NULL,
    bsn_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, bsn_mac),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

-- People who enter through a provider: keyed by its subject, never by address.
CREATE TABLE openid_logins (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    provider text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    email text COLLATE "C",
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, provider, subject),
    UNIQUE (user_id, provider),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE totp_settings (
    user_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    secret_sealed bytea NOT NULL,
    last_step bigint NOT NULL,
    verified_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);

-- Sign-ups that nobody has proven yet: several may wait for one address, the first proof deletes the rest.
CREATE TABLE sign_ups (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    email text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    locale text COLLATE "C",
    password_hash text COLLATE "C",
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sign_ups_email ON sign_ups (tenant_id, email, created_at);
CREATE INDEX sign_ups_expiry ON sign_ups (expires_at);
CREATE INDEX sign_ups_client ON sign_ups (client_id);

-- One store for everything that may be used once; `purpose` is part of every question asked of it.
CREATE TABLE one_time_proofs (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    purpose text COLLATE "C" NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    code_mac bytea,
    request_id uuid NOT NULL,
    address text COLLATE "C" NOT NULL,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    subject_id uuid,
    client_id uuid REFERENCES clients (id) ON DELETE CASCADE,
    data jsonb NOT NULL,
    tries integer NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX one_time_proofs_code ON one_time_proofs (tenant_id, purpose, address, request_id);
CREATE INDEX one_time_proofs_user ON one_time_proofs (user_id, purpose);
CREATE INDEX one_time_proofs_subject ON one_time_proofs (subject_id);
CREATE INDEX one_time_proofs_client ON one_time_proofs (client_id);
CREATE INDEX one_time_proofs_expiry ON one_time_proofs (expires_at);

CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    email text COLLATE "C" NOT NULL,
    roles jsonb NOT NULL,
    invited_by uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX invitations_email ON invitations (tenant_id, email);
CREATE INDEX invitations_by_creation ON invitations (tenant_id, created_at, id);

-- Rights -------------------------------------------------------------------------------------------

CREATE TABLE permissions (
    id uuid PRIMARY KEY,
    identifier text COLLATE "C" NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

CREATE TABLE roles (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    identifier text COLLATE "C" NOT NULL,
    is_mandatory boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (tenant_id, identifier),
    UNIQUE (tenant_id, id)
);

CREATE TABLE role_permissions (
    role_id uuid NOT NULL,
    permission_id uuid NOT NULL REFERENCES permissions (id) ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (role_id, permission_id),
    FOREIGN KEY (tenant_id, role_id) REFERENCES roles (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX role_permissions_permission ON role_permissions (permission_id);
CREATE INDEX role_permissions_tenant ON role_permissions (tenant_id);

-- Both keys carry the tenant: a role of one tenant can never be given in another.
CREATE TABLE user_roles (
    user_id uuid NOT NULL,
    role_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    granted_by uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, role_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, role_id) REFERENCES roles (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX user_roles_role ON user_roles (tenant_id, role_id);
CREATE INDEX user_roles_user ON user_roles (tenant_id, user_id);

-- Sessions -----------------------------------------------------------------------------------------

-- The authority. No refresh token is stored: the sealed seed makes and checks them all.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    kind text COLLATE "C" NOT NULL,
    login_type text COLLATE "C" NOT NULL,
    factors jsonb NOT NULL,
    impersonator_user_id uuid,
    seed_sealed bytea NOT NULL,
    generation bigint NOT NULL,
    rotated_at timestamptz NOT NULL,
    rotation_key_hash bytea,
    authenticated_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    idle_seconds bigint NOT NULL,
    idle_expires_at timestamptz NOT NULL,
    absolute_expires_at timestamptz NOT NULL,
    address text COLLATE "C",
    user_agent text COLLATE "C",
    revoked_at timestamptz,
    revoked_reason text COLLATE "C"
);
CREATE INDEX sessions_user ON sessions (user_id, tenant_id, created_at, id);
CREATE INDEX sessions_tenant ON sessions (tenant_id, created_at, id);
CREATE INDEX sessions_client ON sessions (client_id);
CREATE INDEX sessions_end ON sessions (absolute_expires_at);

-- The password was right and a factor is still due: not a session, and never accepted as one.
CREATE TABLE pending_logins (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id uuid NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_epoch bigint NOT NULL,
    login_type text COLLATE "C" NOT NULL,
    next text COLLATE "C" NOT NULL,
    factors jsonb NOT NULL,
    device jsonb,
    address text COLLATE "C",
    user_agent text COLLATE "C",
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX pending_logins_user ON pending_logins (user_id);
CREATE INDEX pending_logins_tenant ON pending_logins (tenant_id);
CREATE INDEX pending_logins_client ON pending_logins (client_id);
CREATE INDEX pending_logins_expiry ON pending_logins (expires_at);

CREATE TABLE devices (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    session_id uuid NOT NULL UNIQUE REFERENCES sessions (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    platform text COLLATE "C" NOT NULL,
    notification_token text COLLATE "C",
    web_push_information jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX devices_user ON devices (user_id);
CREATE INDEX devices_tenant ON devices (tenant_id);
CREATE INDEX devices_notification_token ON devices (notification_token);

-- Wrong guesses in a row, by a keyed hash of tenant and identifier: known addresses and unknown ones alike.
CREATE TABLE guess_counters (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key_mac bytea NOT NULL,
    failures integer NOT NULL,
    last_at timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key_mac)
);
CREATE INDEX guess_counters_age ON guess_counters (last_at);

CREATE TABLE signing_keys (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    state text COLLATE "C" NOT NULL,
    public_key bytea NOT NULL,
    private_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    activated_at timestamptz,
    retiring_at timestamptz,
    dies_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (tenant_id) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_one_next ON signing_keys (tenant_id) WHERE state = 'next';
CREATE INDEX signing_keys_tenant ON signing_keys (tenant_id);

-- Work and history ---------------------------------------------------------------------------------

-- Jobs, deliveries and cron runs are one leased queue; `kind` tells them apart.
CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    priority integer NOT NULL,
    scheduled_at timestamptz NOT NULL,
    state text COLLATE "C" NOT NULL,
    retry_count integer NOT NULL,
    max_attempts integer NOT NULL,
    handler_timeout_ms bigint,
    data jsonb NOT NULL,
    sealed bytea,
    dedupe_key text COLLATE "C" UNIQUE,
    leased_by text COLLATE "C",
    leased_until timestamptz,
    fence bigint NOT NULL,
    last_error text COLLATE "C",
    request_id uuid,
    causation_id uuid,
    actor_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    completed_at timestamptz
);
CREATE INDEX jobs_due ON jobs (state, priority, scheduled_at, id);
CREATE INDEX jobs_name ON jobs (name, state);
CREATE INDEX jobs_tenant ON jobs (tenant_id, created_at, id);
CREATE INDEX jobs_finished ON jobs (completed_at);

-- A name that stands here is not run, by any worker, until it is taken away again.
CREATE TABLE job_pauses (
    name text COLLATE "C" PRIMARY KEY,
    created_at timestamptz NOT NULL
);

CREATE TABLE cron_jobs (
    id uuid PRIMARY KEY,
    tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    expression text COLLATE "C" NOT NULL,
    timezone text COLLATE "C" NOT NULL,
    next_at timestamptz NOT NULL,
    last_at timestamptz,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX cron_jobs_of_the_house ON cron_jobs (name) WHERE tenant_id IS NULL;
CREATE UNIQUE INDEX cron_jobs_of_a_tenant ON cron_jobs (tenant_id, name) WHERE tenant_id IS NOT NULL;
CREATE INDEX cron_jobs_next ON cron_jobs (next_at);

-- What happened, written with the change itself. `xact` orders rows that committed out of sequence.
CREATE TABLE domain_events (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xact bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    id uuid NOT NULL UNIQUE,
    tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
    trigger_name text COLLATE "C" NOT NULL,
    subject_kind text COLLATE "C" NOT NULL,
    subject_id uuid,
    actor_kind text COLLATE "C" NOT NULL,
    actor_id uuid,
    data jsonb NOT NULL,
    request_id uuid,
    causation_id uuid,
    created_at timestamptz NOT NULL
);
CREATE INDEX domain_events_tenant ON domain_events (tenant_id, sequence);
CREATE INDEX domain_events_order ON domain_events (xact, sequence);
CREATE INDEX domain_events_age ON domain_events (created_at);

CREATE TABLE audit_records (
    id uuid PRIMARY KEY,
    tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
    action text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    reason text COLLATE "C",
    actor_kind text COLLATE "C" NOT NULL,
    actor_id uuid,
    on_behalf_of uuid,
    target_kind text COLLATE "C",
    target_id uuid,
    session_id uuid,
    request_id uuid,
    address text COLLATE "C",
    user_agent text COLLATE "C",
    count bigint NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX audit_records_tenant ON audit_records (tenant_id, created_at, id);
CREATE INDEX audit_records_request ON audit_records (request_id);
CREATE INDEX audit_records_target ON audit_records (target_id, created_at);

-- What later rooms fill ----------------------------------------------------------------------------

CREATE TABLE feature_flags (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    description text COLLATE "C" NOT NULL,
    global_value boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE feature_flag_values (
    flag_id uuid NOT NULL REFERENCES feature_flags (id) ON DELETE CASCADE,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    value boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (flag_id, tenant_id)
);
CREATE INDEX feature_flag_values_tenant ON feature_flag_values (tenant_id);

CREATE TABLE files (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    bucket_name text COLLATE "C" NOT NULL,
    content_length bigint NOT NULL,
    content_type text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    meta jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX files_tenant ON files (tenant_id, created_at, id);

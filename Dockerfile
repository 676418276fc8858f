# The server with TLS to PostgreSQL, on a small base, as a user without rights.

FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake perl make && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --release --locked --features pg-tls

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/doorward --create-home doorward
COPY --from=build /build/target/release/doorward /usr/local/bin/doorward
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/doorward/
# Inside, nobody else answers: whoever runs the container says to whom it is shown.
ENV DOORWARD_ENV=production DOORWARD_SERVER__LISTEN=0.0.0.0:3000 DOORWARD_SERVER__METRICS_LISTEN=0.0.0.0:3001
USER doorward
WORKDIR /var/lib/doorward
EXPOSE 3000 3001
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["doorward", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["doorward"]
CMD ["serve"]

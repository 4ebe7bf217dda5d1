// Exits with 0 when the agent in this container answers: for HEALTHCHECK, and for probes where it listens on loopback.
const port = process.env.OTEL_EXPORTER_PROMETHEUS_PORT || 9464
const { ok } = await fetch(`http://localhost:${port}/healthz`)
process.exitCode = ok ? 0 : 1

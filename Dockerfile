# The agent's image: Node.js, the compiled agent and what it needs at run time. No shell, no package manager.
#
#   docker build --tag otel-interrogator .
#   docker build --tag otel-interrogator:process-exporter --target process-exporter .
#   docker buildx build --platform linux/amd64,linux/arm64 --tag REGISTRY/otel-interrogator .
#
# Both bases can be others: the first must have Node.js 24 with npm, the second glibc and libstdc++ of its age.
ARG BUILD_IMAGE=docker.io/library/node:24-bookworm-slim
ARG RUN_IMAGE=gcr.io/distroless/cc-debian12

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json esbuild.config.ts ./
COPY src src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund
# Node.js wherever the base has it, and of packages only what is read at run time.
RUN cp "$(readlink -f "$(command -v node)")" /build/node && \
    find node_modules -type f \( -name '*.ts' -o -name '*.map' -o -name '*.md' \) -exec rm {} +

FROM ${RUN_IMAGE} AS run
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="otel-interrogator" \
      org.opencontainers.image.description="Which programs, containers and pods on a Linux node use, wait for and execute what" \
      org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /build/node /usr/local/bin/node
COPY LICENSE package.json deploy/image/healthcheck.mjs /app/
COPY --from=build /build/node_modules /app/node_modules
COPY --from=build /build/dist /app/dist
COPY deploy/image/process-exporter /bin/process-exporter
# Nobody. The manifests in deploy/ run it as root with two capabilities: docs/security.md says why.
USER 65532:65532
EXPOSE 9464
ENTRYPOINT ["/usr/local/bin/node", "--disable-sigusr1", "--max-semi-space-size=2", "--v8-pool-size=1", "--efficiency-mode", "--heap-growing-percent=30", "/app/dist/main.js"]
HEALTHCHECK --interval=60s --timeout=15s CMD ["/usr/local/bin/node", "/app/healthcheck.mjs"]

# In the place of process-exporter's image: its command, its port and its user.
FROM run AS process-exporter
USER 0:0
EXPOSE 9256
ENV OTEL_EXPORTER_PROMETHEUS_PORT=9256
ENTRYPOINT ["/usr/local/bin/node", "--disable-sigusr1", "--max-semi-space-size=2", "--v8-pool-size=1", "--efficiency-mode", "--heap-growing-percent=30", "/bin/process-exporter"]

FROM run

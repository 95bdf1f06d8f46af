# One image with the four programs. docs/guide/image.md says how to build it and what it expects.
# By digest, so that it is the same tomorrow: --build-arg BASE=node:24-bookworm-slim@sha256:…
ARG BASE=node:24-bookworm-slim
# What people expect in a terminal; may be empty where no Debian mirror is in reach.
ARG PACKAGES="less procps vim-tiny"

FROM ${BASE} AS build
WORKDIR /build/panelet
COPY package.json package-lock.json .npmrc ./
# The secret is optional: an .npmrc for machines that reach the registry in a way of their own.
RUN --mount=type=cache,target=/root/.npm --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --no-progress
COPY . .
# The bundles hold every dependency but the pseudoterminals, whose native part is loaded from a folder of its own.
RUN npm run --silent bundle && node scripts/third-party.mjs \
    && mkdir -p /out/opt/panelet/bin /out/opt/panelet/node_modules/@lydell /out/usr/local/bin /out/usr/share/doc/panelet \
    && echo '{ "type": "module" }' >/out/opt/panelet/package.json \
    && for program in panelet panelet-agent panelet-worker panelet-controller; do \
         cp "dist/bin/$program.js" /out/opt/panelet/bin/ \
         && ln -s "/opt/panelet/bin/$program.js" "/out/usr/local/bin/$program"; \
       done \
    && cp -r dist/board /out/opt/panelet/ \
    && ln -s /opt/panelet/bin/panelet.js /out/usr/local/bin/kubectl-panelet \
    && cp -r node_modules/@lydell/node-pty node_modules/@lydell/node-pty-linux-* /out/opt/panelet/node_modules/@lydell/ \
    && cp LICENSE dist/THIRD-PARTY-NOTICES.txt dist/sbom.cdx.json /out/usr/share/doc/panelet/

# Node.js without what a debugger of C++ reads, where there is something to strip it with. What addons link to stays.
FROM ${BASE} AS node
ARG PACKAGES
RUN if [ -n "$PACKAGES" ] && ! command -v strip >/dev/null; then \
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils; \
    fi \
    && cp /usr/local/bin/node /node \
    && if command -v strip >/dev/null; then strip /node; fi \
    && /node --version

# What of the base is needed to run: no package manager of Node.js, no headers, nothing with a set-user-ID bit.
FROM ${BASE} AS root
ARG PACKAGES
# Into this stage, which the last one takes as one layer: there it would lie over the one it replaces, and both would count.
COPY --from=node /node /usr/local/bin/node
RUN if [ -n "$PACKAGES" ]; then \
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES; \
    fi \
    && rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/share/man /usr/local/share/doc /opt/yarn* \
         /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /usr/local/bin/docker-entrypoint.sh \
         /usr/share/man /usr/share/locale /usr/share/info /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/*.log /var/log/apt /root/.npm \
    && find /usr/share/doc -type f ! -name copyright -delete \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && groupadd --gid 65532 panelet \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /bin/bash --no-log-init panelet

FROM scratch
COPY --from=root / /
COPY --from=build /out /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 SHELL=/bin/bash
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="Panelet" \
      org.opencontainers.image.description="Runs session-holding programs on Kubernetes nodes and restarts them without losing a byte" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 65532:65532
WORKDIR /
CMD ["panelet-agent", "--help"]

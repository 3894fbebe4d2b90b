# reposync in a container: one process, one volume.
#   docker build -t reposync --build-arg GIT_COMMIT="$(git rev-parse HEAD)" .
#   docker run -p 38080:38080 -v reposync:/data -e WEBHOOK_SECRET=... reposync

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# The image brings its own Node, and better-sqlite3 its own binary: nothing has to be built or run.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git openssh-client tini util-linux \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY config ./config
COPY src ./src

# What /api/v1/system/version tells; the commit is for whoever builds to say, the image has no .git.
ARG GIT_COMMIT=
ARG BUILD_TIME=
RUN printf '{"git_commit":"%s","build_time":"%s"}\n' \
    "$GIT_COMMIT" "${BUILD_TIME:-$(date --utc +%Y-%m-%dT%H:%M:%SZ)}" > build.json

# The folder exists before the volume does, so that a new volume belongs to the user.
RUN install --directory --owner=node --group=node --mode=0700 /data
USER node
VOLUME /data

ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=38080 \
    DATABASE_URL=sqlite:/data/reposync.db \
    SYNC_DIR=/data/sync \
    SECRET_KEY_FILE=/data/secret.key
EXPOSE 38080

HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# git leaves helpers behind when it is stopped; tini collects them.
ENTRYPOINT ["tini", "--"]
CMD ["node", "src/main.ts"]

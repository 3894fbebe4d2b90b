import { Hono } from 'hono'
import { ok } from './envelope.ts'

export type SystemDeps = {
  /** As in `v0.1.0`. */
  readonly version: string
  readonly buildTime: string | null
  readonly commit: string | null
  readonly gitVersion: string
}

/** `/system`: what runs here. */
export function systemRoutes({ version, buildTime, commit, gitVersion }: SystemDeps): Hono {
  const routes = new Hono()

  routes.get('/version', (c) =>
    ok(c, {
      version,
      build_time: buildTime,
      git_commit: commit,
      git_version: gitVersion,
      node: process.version,
    }),
  )

  return routes
}

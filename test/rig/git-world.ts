import { join } from 'node:path'
import { initBare } from '../../src/git/mirror-repository.ts'
import type { ObjectFormat } from '../../src/git/mirror-repository.ts'
import type { RefName } from '../../src/git/refs.ts'
import { toRefName } from '../../src/git/refs.ts'
import { fetchRefs } from '../../src/git/remote.ts'
import type { Remote } from '../../src/git/remote.ts'
import type { GitOptions } from '../../src/git/room.ts'
import { startGitHttpServer } from './git-http-server.ts'
import type { GitHttpServer, GitHttpServerOptions, ServedRepository } from './git-http-server.ts'
import { openTestGit } from './git-room.ts'
import type { TestGit } from './git-room.ts'
import { createFolder, createWorkRepository, remoteUrl } from './repository.ts'
import type { WorkRepository } from './repository.ts'

// One forge with one repository, a work repository to fill it from, and a mirror that knows what the work
// repository holds: what most tests of git verbs start with.

export type GitWorld = AsyncDisposable & {
  readonly folder: string
  readonly room: TestGit
  readonly server: GitHttpServer
  readonly app: ServedRepository
  readonly remote: Remote
  readonly work: WorkRepository
  readonly mirror: string
  /** Brings every branch and tag of the work repository into the mirror, below `refs/work/`. */
  readonly mirrorWork: () => Promise<void>
}

export const PASSWORD = { kind: 'password', username: 'ada', password: 'open:se same%20!' } as const

export async function openGitWorld(
  options: Partial<GitOptions> & {
    readonly server?: GitHttpServerOptions
    readonly objectFormat?: ObjectFormat
  } = {},
): Promise<GitWorld> {
  const { server: serverOptions, objectFormat = 'sha1', ...gitOptions } = options
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  const room = stack.use(await openTestGit(folder, gitOptions))
  const server = stack.use(await startGitHttpServer(serverOptions ?? PASSWORD))
  const app = await server.createRepository('team/app', objectFormat)
  const work = await createWorkRepository(folder, objectFormat)
  const mirror = join(folder, 'mirror.git')
  await initBare(mirror, objectFormat)
  const owned = stack.move()
  return {
    folder,
    room,
    server,
    app,
    remote: { url: remoteUrl(app.url), credential: PASSWORD },
    work,
    mirror,
    mirrorWork: async () => {
      const local = { url: remoteUrl(`file://${work.dir}`), credential: undefined }
      const { signal } = new AbortController()
      const fetched = await fetchRefs(room.git, mirror, local, { allInto: 'refs/work' }, { signal })
      if (!fetched.ok) throw new Error(fetched.failure.detail)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export function refName(text: string): RefName {
  const ref = toRefName(text)
  if (ref === undefined) throw new Error(`not a ref that travels: ${text}`)
  return ref
}

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openHttp } from '../../src/git/exchange.ts'
import { askLfs } from '../../src/git/lfs-batch.ts'
import { downloadObject } from '../../src/git/lfs-transfer.ts'
import type { GitOptions } from '../../src/git/room.ts'
import { openTestGit } from '../rig/git-room.ts'
import type { TestGit } from '../rig/git-room.ts'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import type { GitSshServer } from '../rig/git-ssh-server.ts'
import { startLfsServer } from '../rig/lfs-server.ts'
import type { LfsServer } from '../rig/lfs-server.ts'
import { createFolder, remoteUrl } from '../rig/repository.ts'

const { signal } = new AbortController()
const LOGIN = { username: 'lfs', password: 'of the hour' }
const AUTHORIZATION = `Basic ${Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')}`
const CONTENT = Buffer.from('a large file')
const OBJECT = { oid: createHash('sha256').update(CONTENT).digest('hex'), size: CONTENT.length }

type SshWorld = AsyncDisposable & {
  readonly folder: string
  readonly room: TestGit
  readonly ssh: GitSshServer
  readonly lfs: LfsServer
  /** Asks the SSH server for the object; with the path in place of that of the repository. */
  readonly ask: (privateKey?: string, path?: string) => ReturnType<typeof askLfs>
}

async function createSshWorld(options: Partial<GitOptions> = {}): Promise<SshWorld> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await createFolder()).path
  const room = stack.use(await openTestGit(folder, options))
  const ssh = stack.use(await startGitSshServer())
  const lfs = stack.use(await startLfsServer(LOGIN))
  const app = await ssh.createRepository('app')
  await lfs.put('app', CONTENT)
  const http = openHttp(room.git)
  stack.use(http)
  const owned = stack.move()
  return {
    folder,
    room,
    ssh,
    lfs,
    ask: (privateKey = ssh.userKey, path) => {
      const url = path === undefined ? app.url : app.url.replace(app.dir, path)
      const remote = { url: remoteUrl(url), credential: { kind: 'ssh_key', privateKey } as const }
      return askLfs(room.git, http, remote, 'download', [OBJECT], signal)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('over SSH the server tells where its LFS objects are, and what proves who asks', async () => {
  await using world = await createSshWorld()
  await world.ssh.answerLfs({
    href: `${world.lfs.origin}/app.git/info/lfs`,
    header: { Authorization: AUTHORIZATION },
  })
  const path = join(world.folder, 'object')

  const asked = await world.ask()
  const answer = asked.ok ? asked.answers.get(OBJECT.oid) : undefined
  using http = openHttp(world.room.git)
  const got =
    answer?.kind === 'link' ? await downloadObject(http, answer.link, OBJECT, path, signal) : undefined

  expect(got).toEqual({ ok: true })
  expect(await readFile(path)).toEqual(CONTENT)
  expect(await world.ssh.commands()).toEqual([
    expect.stringMatching(/^git-lfs-authenticate \/\S+\/app\.git download$/),
  ])
  expect(world.lfs.requests.map(({ stage, authorization }) => [stage, authorization])).toEqual([
    ['batch', AUTHORIZATION],
    ['download', AUTHORIZATION],
  ])
})

test('a path that a shell would take apart arrives in quotes', async () => {
  await using world = await createSshWorld()

  await world.ask(world.ssh.userKey, '/team%20(a)/app;x&y.git')

  expect(await world.ssh.commands()).toEqual(["git-lfs-authenticate '/team (a)/app;x&y.git' download"])
})

test('an SSH server without LFS is told from one that cannot be used', async () => {
  await using world = await createSshWorld()

  const without = await world.ask()
  const refused = await world.ask(world.ssh.strangerKey)

  expect(without).toMatchObject({ ok: false, failure: { kind: 'lfs_unavailable' } })
  expect(refused).toMatchObject({ ok: false, failure: { kind: 'ssh_key_rejected' } })
})

test.each([
  { answer: { href: 'http://127.0.0.2:1/app.git/info/lfs' }, kind: 'address_denied' },
  { answer: { href: 'https://ada:secret@127.0.0.1/lfs' }, kind: 'address_denied' },
  { answer: { href: 'http://storage.test/lfs' }, kind: 'address_denied' },
  { answer: { welcome: 'to the forge' }, kind: 'lfs_unavailable' },
])('an answer of an SSH server that leads astray is not followed: $answer', async ({ answer, kind }) => {
  await using world = await createSshWorld({
    allowAddress: (_host, ip) => ip !== '127.0.0.2',
    lookup: () => Promise.resolve(['198.51.100.7']),
  })
  await world.ssh.answerLfs(answer)

  const asked = await world.ask()

  expect(asked).toMatchObject({ ok: false, failure: { kind } })
})

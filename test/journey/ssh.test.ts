import { execFile } from 'node:child_process'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { startGitSshServer } from '../rig/git-ssh-server.ts'
import type { GitSshServer, SshRepository } from '../rig/git-ssh-server.ts'
import { allRunsEnded, expectSuccess, headOf, pushTo, startJourney } from '../rig/journey.ts'
import type { Journey } from '../rig/journey.ts'
import { findProcesses, waitForProcesses } from '../rig/processes.ts'
import { installHook } from '../rig/repository.ts'

const run = promisify(execFile)

// Bindings over SSH: which key opens which connection, and which server is believed.

type SshJourney = AsyncDisposable & {
  readonly journey: Journey
  readonly server: GitSshServer
  readonly inner: SshRepository
  readonly outer: SshRepository
  /** Commits on the inner side and asks for a sync; what the answer says. */
  readonly commitAndSync: () => Promise<{ readonly code: number; readonly arrived: boolean }>
}

async function startSshJourney(env: Readonly<Record<string, string>> = {}): Promise<SshJourney> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await startGitSshServer())
  const journey = stack.use(await startJourney({ SYNC_ATTEMPTS: '1', ...env }))
  const inner = await server.createRepository('inner/app')
  const outer = await server.createRepository('outer/app')
  await journey.bind('app', {
    internal_repo_address: inner.url,
    external_repo_address: outer.url,
    inter_token: server.userKey,
    exter_token: server.userKey,
  })
  const owned = stack.move()
  let count = 0
  return {
    journey,
    server,
    inner,
    outer,
    commitAndSync: async () => {
      const commit = await journey.work.commit(`commit ${(count += 1)}`)
      await journey.work.push(inner.dir, 'HEAD:refs/heads/main')
      const { body } = await journey.daemon.call('POST', '/cerobot/sync/repo/app')
      const { code_status: code } = z.object({ code_status: z.number() }).parse(body)
      return { code, arrived: (await headOf(outer, 'main')) === commit }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('a key that is replaced or taken away opens nothing more, although its connection is still there', async () => {
  await using world = await startSshJourney()
  const { journey, server } = world
  const giveKey = async (key: string): Promise<void> => {
    const path = '/cerobot/sync/repo/app/repo_addr'
    expectSuccess((await journey.daemon.call('PUT', path, { exter_token: key })).body)
  }
  const isShared = () =>
    waitForProcesses(journey.folder.path, (processes) =>
      processes.some(({ command }) => command.endsWith('[mux]')),
    )

  const first = await world.commitAndSync()
  await isShared()
  await giveKey(server.strangerKey)
  const replaced = await world.commitAndSync()
  await giveKey(server.secondKey)
  const mended = await world.commitAndSync()
  await isShared()
  await giveKey('')
  const without = await world.commitAndSync()

  expect(first).toEqual({ code: 0, arrived: true })
  expect(replaced).toEqual({ code: 20001, arrived: false })
  expect(mended).toEqual({ code: 0, arrived: true })
  expect(without).toEqual({ code: 20001, arrived: false })
})

test('a daemon that was killed leaves no key and no connection behind once it has started again', async () => {
  await using world = await startSshJourney({ SYNC_ATTEMPTS: '5' })
  const { journey, inner, outer } = world
  const { path } = journey.folder
  await world.commitAndSync()
  const [started, gate] = [join(path, 'started'), join(path, 'gate')]
  await run('mkfifo', [started, gate])
  await installHook(outer.dir, 'pre-receive', `echo yes > '${started}'; read line < '${gate}'`)
  const commit = await journey.work.commit('on its way')
  await journey.work.push(inner.dir, 'HEAD:refs/heads/main')
  await journey.daemon.deliver(pushTo('gitea', inner, 'main', commit))
  await readFile(started)
  const before = await keyFilesIn(path)

  await journey.daemon.kill()
  const left = await findProcesses(join(path, 'sync/.run'))
  await installHook(outer.dir, 'pre-receive', 'exit 0')
  await writeFile(gate, 'go on\n')
  await journey.restart()
  const alive = new Set((await findProcesses(join(path, 'sync/.run'))).map(({ pid }) => pid))
  const runs = await allRunsEnded(journey.daemon)

  expect(before).not.toEqual([])
  expect(left).not.toEqual([])
  expect(left.filter(({ pid }) => alive.has(pid))).toEqual([])
  expect(await keyFilesIn(path)).toEqual([])
  expect(runs[0]).toMatchObject({ status: 'succeeded' })
  expect(await headOf(outer, 'main')).toBe(commit)
})

test('a server is believed at first sight, also after a restart, until it shows another key', async () => {
  await using world = await startSshJourney()
  const { journey, server } = world
  const { stdout } = await run('ssh-keygen', ['-l', '-f', await hostKeyFile(world)])
  const [, fingerprint = 'none'] = /(SHA256:\S+)/.exec(stdout) ?? []

  const first = await world.commitAndSync()
  const told = journey.daemon.output()
  await journey.restart()
  const second = await world.commitAndSync()
  await server.changeHostKey()
  const changed = await world.commitAndSync()

  expect(first).toEqual({ code: 0, arrived: true })
  expect(second).toEqual({ code: 0, arrived: true })
  expect(changed).toEqual({ code: 20001, arrived: false })
  expect(told.split(fingerprint)).toHaveLength(2)
  expect(journey.daemon.output()).not.toContain(fingerprint)
})

test('with SSH_HOST_KEYS=strict a server that nobody vouched for is not believed', async () => {
  await using world = await startSshJourney({ SSH_HOST_KEYS: 'strict' })

  const answer = await world.journey.daemon.call('POST', '/cerobot/sync/repo/app')

  expect(answer.body).toMatchObject({ code_status: 20001 })
  expect(answer.body).toHaveProperty('hint', expect.stringContaining('SSH_HOST_KEYS=strict'))
})

async function keyFilesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(join(folder, 'sync/.run'), { recursive: true })
  return names.filter((name) => /\/ssh-[^/]+\/key$/.test(name))
}

async function hostKeyFile({ journey, server }: SshJourney): Promise<string> {
  const file = join(journey.folder.path, 'host.pub')
  await writeFile(file, `${await server.hostKey()}\n`)
  return file
}

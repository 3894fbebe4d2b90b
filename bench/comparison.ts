import { spawn } from 'node:child_process'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBinding } from '../src/binding/bindings.ts'
import { systemClock } from '../src/clock.ts'
import { createVault, loadSecretKey } from '../src/credential/vault.ts'
import { openDatabase } from '../src/db/database.ts'
import { createLogger } from '../src/log.ts'
import type { GitHttpServer } from '../test/rig/git-http-server.ts'
import { startGitHttpServer } from '../test/rig/git-http-server.ts'
import { createFolder, createWorkRepository } from '../test/rig/repository.ts'
import { startDaemon } from './process.ts'
import type { Sizes } from './sizes.ts'
import { table, times } from './table.ts'
import { processorTimeOf } from './usage.ts'

// (g) Reconcile of many bindings of which nothing has changed: what it costs this machine, beside asking every
// repository by `git ls-remote`. What the servers do is not counted.

const LOGIN = { username: 'ada', password: 'open sesame' }
const BRANCHES = 20
const LOOK_MS = 20

type Pair = { readonly name: string; readonly internal: string; readonly external: string }

export async function measureComparison(sizes: Sizes): Promise<string> {
  await using folder = await createFolder()
  await using server = await startGitHttpServer(LOGIN)
  const pairs = await createPairs(folder.path, server, sizes.comparedBindings)
  const few = pairs.slice(0, sizes.comparedSlowly)
  const interval = sizes.reconcileInterval
  const wire = await reconcile(join(folder.path, 'wire'), server, pairs, { relay: 'true', interval })
  const git = await reconcile(join(folder.path, 'git'), server, few, { relay: 'false', interval })
  const loop = await loopOver(few)
  const row = (name: string, seconds: number, compared: number): readonly string[] => {
    const all = (seconds / compared) * sizes.comparedBindings
    const reference = (loop / sizes.comparedSlowly) * sizes.comparedBindings
    return [name, `${all.toFixed(2)} s`, times(all, reference)]
  }
  const some = `${sizes.comparedSlowly} measured, the rest extrapolated`
  return [
    table(
      [`${sizes.comparedBindings} bindings, nothing to do`, 'processor time', 'of the loop'],
      [
        row('reposync', wire, sizes.comparedBindings),
        row(`reposync with RELAY=false (${some})`, git, sizes.comparedSlowly),
        row(`git ls-remote of both sides, in a loop (${some})`, loop, sizes.comparedSlowly),
      ],
    ),
    '',
    `User and system time of the daemon and everything it starts, or of the loop's git processes; each repository has ${BRANCHES + 1} branches and a password. ` +
      'The daemon has compared everything once before, and records what it finds in its database.',
  ].join('\n')
}

async function createPairs(folder: string, server: GitHttpServer, count: number): Promise<readonly Pair[]> {
  const template = await server.createRepository('template')
  const work = await createWorkRepository(folder)
  await work.commit('first')
  const names = Array.from({ length: BRANCHES }, (_, number) => `main:refs/heads/team/branch-${number}`)
  await work.push(template.dir, 'main', ...names)
  const create = async (name: string): Promise<string> => {
    await cp(template.dir, template.dir.replace('template.git', `${name}.git`), { recursive: true })
    return server.url(name)
  }
  const pairs: Pair[] = []
  for (let number = 0; number < count; number += 1) {
    const [internal, external] = [await create(`in-${number}`), await create(`out-${number}`)]
    pairs.push({ name: `app-${number}`, internal, external })
  }
  return pairs
}

/** Processor seconds of a daemon that compares each pair once and finds both sides equal. */
async function reconcile(
  dir: string,
  server: GitHttpServer,
  pairs: readonly Pair[],
  { relay, interval }: { readonly relay: string; readonly interval: string },
): Promise<number> {
  await mkdir(dir)
  await bindAll(dir, pairs)
  await using daemon = await startDaemon(dir, { RELAY: relay, RECONCILE_INTERVAL: interval })
  await untilAsked(server, pairs.length)
  const before = processorTimeOf(daemon.pid)
  await untilAsked(server, pairs.length)
  const used = processorTimeOf(daemon.pid) - before
  return used / 1000
}

/** Resolves when both sides of so many bindings have been listed from now on. */
async function untilAsked(server: GitHttpServer, comparisons: number): Promise<void> {
  const isListing = ({ service }: { readonly service: string | undefined }): boolean =>
    service === 'upload-pack'
  const start = server.requests.length
  const wanted = 2 * comparisons
  while (server.requests.slice(start).filter(isListing).length < wanted) await sleep(LOOK_MS)
}

async function bindAll(dir: string, pairs: readonly Pair[]): Promise<void> {
  const logger = createLogger('silent')
  const db = await openDatabase(join(dir, 'data', 'reposync.db'))
  const secretKeyFile = join(dir, 'data', 'secret.key')
  const deps = {
    db,
    clock: systemClock,
    logger,
    vault: createVault(loadSecretKey({ logger, mayMakeKey: true }, { secretKey: undefined, secretKeyFile })),
    addressRules: { schemes: ['http'] as const, allowLocal: false, allowsHost: () => true },
    reconcileIntervalMs: 0,
  }
  const token = `${LOGIN.username}:${LOGIN.password}`
  for (const { name, internal, external } of pairs) {
    await createBinding(deps, {
      name,
      enabled: true,
      granularity: 'all',
      direction: 'to_outer',
      addresses: { internal, external },
      tokens: { internal: token, external: token },
    })
  }
  await db.destroy()
}

/** Processor seconds of `git ls-remote` for both sides of every pair, as the shell that starts them counts it. */
async function loopOver(pairs: readonly Pair[]): Promise<number> {
  const script = 'for url; do git ls-remote --quiet "$url" >/dev/null || exit 1; done; times'
  const basic = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')
  const urls = pairs.flatMap(({ internal, external }) => [internal, external])
  const child = spawn('sh', ['-c', script, 'loop', ...urls], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: '/nonexistent',
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'http.extraHeader',
      GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`git ls-remote failed in the loop: ${output}`)
  // The second line is about the children: user and system time, as `0m1.234000s`.
  const [, children = ''] = output.trim().split('\n')
  return children.split(' ').reduce((sum, part) => {
    const [, minutes = '0', seconds = '0'] = /^(\d+)m([\d.]+)s$/.exec(part) ?? []
    return sum + Number(minutes) * 60 + Number(seconds)
  }, 0)
}

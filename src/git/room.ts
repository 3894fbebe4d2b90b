import { lookup } from 'node:dns/promises'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { createAgents, createContexts } from '../host-agent.ts'
import { DIRECT_NETWORK } from '../host-network.ts'
import type { HostNetwork } from '../host-network.ts'
import type { HostKeys } from './host-key.ts'
import { createTrustFiles } from './network.ts'
import { describeProcess, killOrphans } from './orphans.ts'
import type { RemoteDeps } from './remote.ts'
import { keepRuntimeDir, makeRoot } from './runtime-dir.ts'
import { closeConnections, openConnections } from './ssh.ts'
import { openWire } from './wire/wire.ts'
import type { Wire } from './wire/wire.ts'

// What every git verb takes as its first argument, opened once by the daemon.

export type GitOptions = {
  readonly clock: Clock
  /** A short path of the daemon's own, e.g. `<SYNC_DIR>/.run`; key files and sockets live below it while they are used. */
  readonly runtimeRoot: string
  /** Comes before the folders are made, also when they have to be made again. */
  readonly prepareRoot?: () => Promise<void>
  readonly idleTimeoutMs: number
  /** 0: no limit. */
  readonly timeoutMs: number
  readonly allowAddress: (host: string, ip: string) => boolean
  /** By default every host is reached directly and shows a certificate that the system trusts. */
  readonly network?: HostNetwork
  readonly hostKeys: HostKeys
  readonly onGit?: (operation: string) => void
  /** Where the daemon may speak git's protocol itself; absent: git does everything. */
  readonly allowWire?: Wire['allows'] | undefined
  /** Answers in place of the system's resolver. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
}

/** Clears what a dead daemon has left below the root; disposing ends shared connections. Git must not run any more by then. */
export async function openGit(options: GitOptions): Promise<RemoteDeps & AsyncDisposable> {
  const { runtimeRoot, network = DIRECT_NETWORK, prepareRoot = () => Promise.resolve() } = options
  await makeRoot(runtimeRoot)
  await removeDead(options.clock, runtimeRoot)
  const path = await mkdtemp(join(runtimeRoot, ownName()))
  if (!/^[\w./+@-]+$/.test(path)) throw new Error(`${runtimeRoot}: ssh cannot use such a path`)
  const runtimeDir = keepRuntimeDir(path, prepareRoot)
  await runtimeDir()
  const connections = openConnections(options.clock, path)
  const { clock, allowWire: allows } = options
  const contextOf = createContexts()
  const wire = allows === undefined ? undefined : openWire({ clock, allows, contextOf })
  return {
    lookup: lookUpAll,
    ...options,
    runtimeDir,
    connections,
    network,
    trustFile: createTrustFiles(runtimeDir),
    openAgent: createAgents(contextOf),
    wire,
    [Symbol.asyncDispose]: async () => {
      await wire?.client.close()
      await connections.close()
      await rm(path, { recursive: true, force: true })
    },
  }
}

async function lookUpAll(host: string): Promise<readonly string[]> {
  const answers = await lookup(host, { all: true })
  return answers.map(({ address }) => address)
}

// Named so that a later process with the same number is told apart.
function ownName(): string {
  return `${process.pid}-${describeProcess(process.pid)?.started ?? 'unknown'}-`
}

async function removeDead(clock: Clock, root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const [pid = '', started = ''] = name.split('-')
    if (describeProcess(Number(pid))?.started === started) continue
    await killOrphans({ clock }, join(root, name))
    await closeConnections(join(root, name))
    await rm(join(root, name), { recursive: true, force: true })
  }
}

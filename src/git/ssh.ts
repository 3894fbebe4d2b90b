import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Clock } from '../clock.ts'
import { MINUTE, SECOND } from '../clock.ts'
import type { RemoteAccess } from './environment.ts'
import { gitEnvironment } from './environment.ts'
import type { HostKeys } from './host-key.ts'
import { formatKnownHosts, hostKeyName, parseKnownHosts } from './host-key.ts'
import { SOCKETS } from './runtime-dir.ts'
import type { RuntimeDir } from './runtime-dir.ts'

// How git speaks SSH: with the key and the host keys of one call, and over a connection that calls of
// the same key to the same host share for a minute. No configuration and no agent of the machine takes part.

export type SshConnections = {
  /** Where calls of this key to this address meet; undefined: the path would be too long for a socket. */
  readonly socketFor: (identity: readonly string[]) => string | undefined
  /** Ends every shared connection. */
  readonly close: () => Promise<void>
}

export type SshDeps = {
  readonly runtimeDir: RuntimeDir
  readonly hostKeys: HostKeys
  readonly connections: SshConnections
}

type SshTarget = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly addresses: readonly string[]
}

type SshAccess = {
  readonly access: RemoteAccess
  /** Whether the store held a key of this host before the call. */
  readonly isHostKnown: boolean
  /** Reports new host keys and removes the key file. */
  readonly close: () => Promise<void>
}

const PERSIST_SECONDS = 60
// A socket's path may have 104 bytes, and ssh appends 17 while it creates one.
const MAX_SOCKET_PATH = 80
const OPTIONS: readonly string[] = [
  'BatchMode=yes',
  'GlobalKnownHostsFile=/dev/null',
  'HashKnownHosts=no',
  'CheckHostIP=no',
  'UpdateHostKeys=no',
  'IdentitiesOnly=yes',
  'IdentityAgent=none',
  'PreferredAuthentications=publickey',
  'ForwardAgent=no',
  'ClearAllForwardings=yes',
  'PermitLocalCommand=no',
  'ProxyCommand=none',
  'ConnectTimeout=15',
  'ServerAliveInterval=15',
  'ServerAliveCountMax=4',
  'LogLevel=ERROR',
]

// A server that has revoked a key or changed its own must be met anew some time, however busy it is.
const LONGEST_LIFE = 5 * MINUTE

/** Without a private key, ssh offers the default identities of the account the daemon runs as. */
export async function openSsh(
  deps: SshDeps,
  target: SshTarget,
  privateKey: string | undefined,
): Promise<SshAccess> {
  const name = hostKeyName(target.host, target.port)
  const known = await deps.hostKeys.find(name)
  const dir = await mkdtemp(join(await deps.runtimeDir(), 'ssh-'))
  const knownHosts = join(dir, 'known_hosts')
  const keyFile = join(dir, 'key')
  await writeFile(knownHosts, formatKnownHosts(known), { mode: 0o600 })
  if (privateKey !== undefined) await writeFile(keyFile, normalizeKey(privateKey), { mode: 0o600 })

  const address = target.addresses.find(isIPv4) ?? target.addresses[0] ?? target.host
  const socket = deps.connections.socketFor([target.user, address, name, privateKey ?? ''])
  // Once a key is known, a key of another type is not a first use.
  const acceptsNew = deps.hostKeys.policy === 'tofu' && known.length === 0
  const options = [
    ...OPTIONS,
    `StrictHostKeyChecking=${acceptsNew ? 'accept-new' : 'yes'}`,
    `UserKnownHostsFile=${knownHosts}`,
    `HostName=${address}`,
    `HostKeyAlias=${name}`,
    ...(privateKey === undefined ? [] : [`IdentityFile=${keyFile}`]),
    ...(socket === undefined
      ? ['ControlMaster=no', 'ControlPath=none']
      : ['ControlMaster=auto', `ControlPath=${socket}`, `ControlPersist=${PERSIST_SECONDS}`]),
  ]
  return {
    access: {
      protocol: 'ssh',
      settings: [],
      variables: {
        GIT_SSH_VARIANT: 'ssh',
        GIT_SSH_COMMAND: ['ssh', '-F', '/dev/null', ...options.map((option) => `-o '${option}'`)].join(' '),
      },
      ssh: {
        options: ['-F', '/dev/null', ...options.flatMap((option) => ['-o', option])],
        addresses: target.addresses,
      },
      secrets: privateKey === undefined ? [] : [privateKey.trim()],
    },
    isHostKnown: known.length > 0,
    close: async () => {
      try {
        const fresh = parseKnownHosts(await readFile(knownHosts, 'utf8'))
        const isNew = fresh.filter(
          (key) => !known.some((old) => old.type === key.type && old.key === key.key),
        )
        for (const key of isNew) await deps.hostKeys.trust({ ...key, host: name })
      } finally {
        await rm(dir, { recursive: true, force: true })
      }
    },
  }
}

// ssh insists on Unix line ends and on one at the end.
function normalizeKey(privateKey: string): string {
  return `${privateKey.replaceAll('\r\n', '\n').trim()}\n`
}

/** The paths of shared connections, all inside one private folder. */
export function openConnections(clock: Clock, runtimeDir: string): SshConnections {
  const dir = join(runtimeDir, SOCKETS)
  const sockets = new Map<string, { readonly path: string; readonly openedAt: number }>()
  let made = 0
  return {
    socketFor: (identity) => {
      // One that is left ends by itself when its last call has ended and nobody comes back.
      for (const [old, { openedAt }] of sockets) {
        if (clock.now() - openedAt >= LONGEST_LIFE) sockets.delete(old)
      }
      // A digest, so that no key stays in memory longer than its call.
      const digest = createHash('sha256').update(JSON.stringify(identity)).digest('base64')
      const known = sockets.get(digest)
      if (known !== undefined) return known.path
      const path = join(dir, String(made))
      if (Buffer.byteLength(path) > MAX_SOCKET_PATH) return undefined
      made += 1
      sockets.set(digest, { path, openedAt: clock.now() })
      return path
    },
    close: async () => {
      await closeConnections(runtimeDir)
      sockets.clear()
    },
  }
}

/** Ends the shared connections of a runtime folder, also of one whose daemon is dead. */
export async function closeConnections(runtimeDir: string): Promise<void> {
  const dir = join(runtimeDir, SOCKETS)
  const names = await readdir(dir).catch(() => [])
  await Promise.all(names.map((name) => closeConnection(join(dir, name))))
}

async function closeConnection(socket: string): Promise<void> {
  const isOpen = await stat(socket).then(
    () => true,
    () => false,
  )
  if (!isOpen) return
  await execa('ssh', ['-F', '/dev/null', '-o', `ControlPath=${socket}`, '-O', 'exit', 'reposync'], {
    env: gitEnvironment({ access: undefined, durable: false, ceiling: '/' }),
    extendEnv: false,
    reject: false,
    stdio: 'ignore',
    timeout: 5 * SECOND,
  })
}

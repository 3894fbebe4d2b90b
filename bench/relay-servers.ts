import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority } from '../test/rig/certificate.ts'
import type { ServedRepository } from '../test/rig/git-http-server.ts'
import { startGitHttpServer } from '../test/rig/git-http-server.ts'
import { startGitSshServer } from '../test/rig/git-ssh-server.ts'
import { PASSWORDS } from '../test/rig/journey.ts'
import type { BareGit } from './bare-git.ts'
import { createBareGit } from './bare-git.ts'

// The two servers between which pushes travel, in each of the ways in which a forge is reached, and what the
// daemon and git by hand need to get there.

export type Scheme = 'http' | 'https' | 'ssh'

type Server = {
  readonly port: number
  readonly createRepository: (name: string) => Promise<ServedRepository>
}
type Ends<Each> = Readonly<Record<'inner' | 'outer', Each>>

export type Servers = Ends<Server> & {
  readonly env: Readonly<Record<string, string>>
  /** What a binding names to log in. */
  readonly tokens: Ends<string>
  readonly createHand: (urls: Ends<string>) => Promise<BareGit>
}

/** The servers end with the stack. */
export function startServers(stack: AsyncDisposableStack, scheme: Scheme, folder: string): Promise<Servers> {
  return scheme === 'ssh' ? startSsh(stack, folder) : startHttp(stack, scheme, folder)
}

async function startHttp(
  stack: AsyncDisposableStack,
  scheme: 'http' | 'https',
  folder: string,
): Promise<Servers> {
  const authority = createAuthority()
  const trust = join(folder, 'ca.pem')
  await writeFile(trust, authority.cert)
  const tls = scheme === 'https' ? { tls: authority.issue('127.0.0.1') } : {}
  const tokenOf = ({
    username,
    password,
  }: {
    readonly username: string
    readonly password: string
  }): string => `${username}:${password}`
  return {
    inner: stack.use(await startGitHttpServer({ ...PASSWORDS.inner, ...tls })),
    outer: stack.use(await startGitHttpServer({ ...PASSWORDS.outer, ...tls })),
    env: { HOST_CA: `127.0.0.1=${trust}` },
    tokens: { inner: tokenOf(PASSWORDS.inner), outer: tokenOf(PASSWORDS.outer) },
    createHand: async (urls) => {
      const hand = await createBareGit(folder, [
        { server: { origin: new URL(urls.inner).origin }, ...PASSWORDS.inner },
        { server: { origin: new URL(urls.outer).origin }, ...PASSWORDS.outer },
      ])
      await hand.run('config', 'http.sslCAInfo', trust)
      return hand
    },
  }
}

async function startSsh(stack: AsyncDisposableStack, folder: string): Promise<Servers> {
  const inner = stack.use(await startGitSshServer())
  const outer = stack.use(await startGitSshServer())
  const tokens = { inner: inner.userKey, outer: outer.userKey }
  const keys = { inner: join(folder, 'inner-key'), outer: join(folder, 'outer-key') }
  for (const end of ['inner', 'outer'] as const) await writeFile(keys[end], tokens[end], { mode: 0o600 })
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR']
  const identities = Object.values(keys).map((key) => `IdentityFile=${key}`)
  const words = [...options, 'IdentitiesOnly=yes', ...identities].map((option) => `-o ${option}`)
  return {
    inner,
    outer,
    env: {},
    tokens,
    createHand: async () => {
      const hand = await createBareGit(folder, [])
      await hand.run('config', 'core.sshCommand', `ssh -F /dev/null ${words.join(' ')}`)
      return hand
    },
  }
}

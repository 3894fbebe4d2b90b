import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { appendFile, chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createBareRepository, createFolder } from './repository.ts'
import { freePort } from './free-port.ts'

// A real git server over SSH on loopback: sshd with a configuration, host key and port of its own.
//
//   await using server = await startGitSshServer()
//   const app = await server.createRepository('app')   // { name, dir, url }
//   server.userKey                                      // the private key that may log in
//   await server.authorize(publicKey)                   // another key that may log in
//   await server.changeHostKey()                        // restarts with another host key, same port
//   await server.filter('git-upload-pack', 'head -c 99') // breaks off every answer to a fetch
//
// Logged-in keys may run git (git-shell) and ask for LFS, nothing else. The account is the one that runs the
// tests.

const run = promisify(execFile)

export type SshRepository = { readonly name: string; readonly dir: string; readonly url: string }

export type GitSshServer = AsyncDisposable & {
  readonly port: number
  /** A private key in OpenSSH format that the server accepts. */
  readonly userKey: string
  /** Another one that it accepts. */
  readonly secondKey: string
  /** A private key that the server does not know. */
  readonly strangerKey: string
  /** Lets another key log in, given as `<type> <base64>`; `only` takes the access of all others away. */
  readonly authorize: (publicKey: string, options?: { readonly only: boolean }) => Promise<void>
  /** The public host key as `<type> <base64>`. */
  readonly hostKey: () => Promise<string>
  readonly createRepository: (name: string) => Promise<SshRepository>
  /** How a repository of somebody else is reached here. */
  readonly urlOf: (dir: string) => string
  readonly changeHostKey: () => Promise<void>
  /** Ends all connections, and listens again. */
  readonly restart: () => Promise<void>
  /** From now on what a service says passes through a shell script, to which 3 is what the client says. */
  readonly filter: (service: 'git-upload-pack' | 'git-receive-pack', script: string) => Promise<void>
  /** From now on `git-lfs-authenticate` is answered with this. */
  readonly answerLfs: (answer: object) => Promise<void>
  /** The commands that clients have asked for. */
  readonly commands: () => Promise<readonly string[]>
  /** What sshd has logged so far, e.g. to count accepted logins. */
  readonly log: () => string
  readonly close: () => Promise<void>
}

export type GitSshServerOptions = {
  /** Whether clients may say which version of the protocol they speak; forges let them. */
  readonly acceptsVersion?: boolean
}

export async function startGitSshServer({
  acceptsVersion = true,
}: GitSshServerOptions = {}): Promise<GitSshServer> {
  const folder = await createFolder()
  const path = (name: string): string => join(folder.path, name)
  await chmod(folder.path, 0o700)
  await Promise.all(['host', 'user', 'second', 'stranger'].map((name) => createKey(path(name))))
  const userKey = await readFile(path('user'), 'utf8')
  const secondKey = await readFile(path('second'), 'utf8')
  const strangerKey = await readFile(path('stranger'), 'utf8')
  const publicKeys = await Promise.all(['user.pub', 'second.pub'].map((name) => readFile(path(name), 'utf8')))
  // As forges have it: git-shell for git, and one command more where LFS is offered.
  const shell = [
    '#!/bin/sh',
    `printf '%s\\n' "$SSH_ORIGINAL_COMMAND" >>'${path('commands')}'`,
    `case "$SSH_ORIGINAL_COMMAND" in git-lfs-authenticate*) test -e '${path('lfs')}' && exec cat '${path('lfs')}';; esac`,
    `filter='${folder.path}/'"\${SSH_ORIGINAL_COMMAND%% *}"`,
    'if test -e "$filter"; then exec 3<&0; git-shell -c "$SSH_ORIGINAL_COMMAND" | sh "$filter"; exit; fi',
    'exec git-shell -c "$SSH_ORIGINAL_COMMAND"',
    '',
  ]
  await writeFile(path('shell'), shell.join('\n'), { mode: 0o700 })
  const authorize: GitSshServer['authorize'] = async (key, { only } = { only: false }) => {
    const write = only ? writeFile : appendFile
    await write(path('authorized_keys'), `restrict,command="${path('shell')}" ${key.trim()}\n`, {
      mode: 0o600,
    })
  }
  for (const key of publicKeys) await authorize(key)

  const port = await freePort()
  await writeFile(
    path('sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${path('host')}`,
      `AuthorizedKeysFile ${path('authorized_keys')}`,
      `PidFile ${path('sshd.pid')}`,
      'StrictModes no',
      'UsePAM no',
      'UseDNS no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin yes',
      ...(acceptsVersion ? ['AcceptEnv GIT_PROTOCOL'] : []),
      `SetEnv HOME=${folder.path}`,
      'MaxStartups 100',
      'LogLevel VERBOSE',
      '',
    ].join('\n'),
  )

  const urlOf = (dir: string): string => `ssh://${userInfo().username}@127.0.0.1:${port}${dir}`
  let log = ''
  let sshd = await start()

  async function start(): Promise<ChildProcess> {
    if (userInfo().uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 })
    const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', path('sshd_config')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const earlier = log.length
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`sshd ended with ${String(code)}: ${log}`)))
      child.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString()
        if (log.includes('Server listening on', earlier)) resolve()
      })
    })
    return child
  }

  async function stop(): Promise<void> {
    if (sshd.exitCode !== null || sshd.signalCode !== null) return
    const ended = new Promise((resolve) => sshd.once('exit', resolve))
    const sessions = await childrenOf(sshd.pid)
    sshd.kill()
    await ended
    for (const pid of sessions) endProcess(pid)
  }

  async function close(): Promise<void> {
    await stop()
    await folder[Symbol.asyncDispose]()
  }

  return {
    port,
    userKey,
    secondKey,
    strangerKey,
    authorize,
    hostKey: async () => (await readFile(path('host.pub'), 'utf8')).split(' ').slice(0, 2).join(' '),
    createRepository: async (name) => {
      const dir = path(`${name}.git`)
      await createBareRepository(dir)
      return { name, dir, url: urlOf(dir) }
    },
    urlOf,
    changeHostKey: async () => {
      await stop()
      await Promise.all([rm(path('host')), rm(path('host.pub'))])
      await createKey(path('host'))
      log = ''
      sshd = await start()
    },
    filter: (service, script) => writeFile(path(service), script),
    restart: async () => {
      await stop()
      sshd = await start()
    },
    answerLfs: (answer) => writeFile(path('lfs'), JSON.stringify(answer)),
    commands: async () =>
      (await readFile(path('commands'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
    log: () => log,
    close,
    [Symbol.asyncDispose]: close,
  }
}

// A session of sshd lives on when sshd itself ends.
async function childrenOf(pid: number | undefined): Promise<readonly number[]> {
  const children = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
  return children.split(' ').filter(Boolean).map(Number)
}

function endProcess(pid: number): void {
  try {
    process.kill(pid)
  } catch {
    // It has ended by itself.
  }
}

async function createKey(file: string): Promise<void> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file])
}

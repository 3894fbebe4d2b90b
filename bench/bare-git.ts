import { spawn } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitHttpServer } from '../test/rig/git-http-server.ts'
import { git } from '../test/rig/repository.ts'

// Git as a person would run it, with nothing around it: what the daemon is measured against.
// It logs in with the first request, as the daemon does, and does no maintenance afterwards.

export type Login = {
  readonly server: Pick<GitHttpServer, 'origin'>
  readonly username: string
  readonly password: string
}

export type BareGit = {
  readonly dir: string
  /** Resolves when git has ended well. */
  readonly run: (...args: readonly string[]) => Promise<void>
}

/** A new repository with its own copy of git's settings; `worktree` gives it files beside the history. */
export async function createBareGit(
  parent: string,
  logins: readonly Login[],
  kind: 'bare' | 'worktree' = 'bare',
): Promise<BareGit> {
  const dir = await mkdtemp(join(parent, 'bare-git-'))
  await git(dir, 'init', '--quiet', ...(kind === 'bare' ? ['--bare'] : []))
  const env = environment(logins)
  return { dir, run: (...args) => runGit(dir, args, env) }
}

function environment(logins: readonly Login[]): Readonly<Record<string, string>> {
  const settings = [
    ['maintenance.auto', 'false'],
    ...logins.map(({ server, username, password }) => {
      const basic = Buffer.from(`${username}:${password}`).toString('base64')
      return [`http.${server.origin}/.extraHeader`, `Authorization: Basic ${basic}`]
    }),
  ]
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key = '', value = ''], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  }
}

function runGit(dir: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', dir, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let messages = ''
    child.stderr.on('data', (chunk: Buffer) => (messages += chunk.toString()))
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`git ${args[0] ?? ''} ended with ${code ?? 'a signal'}: ${messages}`))
    })
  })
}

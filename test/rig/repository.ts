import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { toSha } from '../../src/git/refs.ts'
import type { RemoteUrl, Sha } from '../../src/git/refs.ts'

// Builders for real repositories.
//
//   await using folder = await createFolder()
//   const work = await createWorkRepository(folder.path)
//   const first = await work.commit('first')              // on main, returns the sha
//   await work.branch('feature/a')                        // creates and checks out
//   await work.push(app.url, 'main:refs/heads/main')      // or app.dir: past passwords and faults
//   expect(await readRefs(app.dir)).toEqual(new Map([['refs/heads/main', first]]))
//
// Git runs with an environment of its own; nothing of the machine's configuration comes in.

const run = promisify(execFile)

const ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
}

export type Folder = AsyncDisposable & { readonly path: string }

/** A new folder with a short path; disposing it removes everything in it. */
export async function createFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'rs-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** Runs git for a test and returns what it printed; rejects when git fails. */
export async function git(dir: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('git', ['-C', dir, ...args], { env: ENVIRONMENT, maxBuffer: 64 * 2 ** 20 })
  return stdout.trim()
}

export type WorkRepository = {
  readonly dir: string
  /** Commits on the current branch; without files, one file named after the message changes. */
  readonly commit: (message: string, files?: Readonly<Record<string, string | Buffer>>) => Promise<Sha>
  /** Creates a branch at the current commit (or at `from`) and checks it out. */
  readonly branch: (name: string, from?: string) => Promise<void>
  readonly checkout: (name: string) => Promise<void>
  /** Tags the current commit; with a message the tag is annotated. Returns what the ref points at. */
  readonly tag: (name: string, message?: string) => Promise<Sha>
  /** Replaces the newest commit of the current branch by another one. */
  readonly amend: (message: string) => Promise<Sha>
  readonly push: (url: string, ...refspecs: readonly string[]) => Promise<void>
  readonly resolve: (revision: string) => Promise<Sha>
}

/** A repository with a work tree on the unborn branch `main`, in a new folder inside `parent`. */
export async function createWorkRepository(
  parent: string,
  objectFormat: 'sha1' | 'sha256' = 'sha1',
): Promise<WorkRepository> {
  const dir = await mkdtemp(join(parent, 'work-'))
  await git(dir, 'init', '--quiet', '--initial-branch=main', `--object-format=${objectFormat}`)

  const resolve = async (revision: string): Promise<Sha> => shaOf(await git(dir, 'rev-parse', revision))
  return {
    dir,
    resolve,
    commit: async (message, files) => {
      for (const [path, content] of Object.entries(files ?? { [fileName(message)]: `${message}\n` })) {
        await mkdir(dirname(join(dir, path)), { recursive: true })
        await writeFile(join(dir, path), content)
      }
      await git(dir, 'add', '--all')
      await git(dir, 'commit', '--quiet', '--allow-empty', '--message', message)
      return resolve('HEAD')
    },
    branch: async (name, from = 'HEAD') => {
      await git(dir, 'update-ref', `refs/heads/${name}`, from)
      await git(dir, 'symbolic-ref', 'HEAD', `refs/heads/${name}`)
      await git(dir, 'reset', '--quiet', '--hard')
    },
    checkout: async (name) => {
      await git(dir, 'symbolic-ref', 'HEAD', `refs/heads/${name}`)
      await git(dir, 'reset', '--quiet', '--hard')
    },
    tag: async (name, message) => {
      const annotation = message === undefined ? [] : ['--annotate', '--message', message]
      await git(dir, 'tag', '--force', ...annotation, '--', name)
      return resolve(`refs/tags/${name}`)
    },
    amend: async (message) => {
      await git(dir, 'commit', '--quiet', '--amend', '--allow-empty', '--message', message)
      return resolve('HEAD')
    },
    push: async (url, ...refspecs) => {
      await git(dir, 'push', '--quiet', '--', url, ...refspecs)
    },
  }
}

/** A bare repository at `dir` that accepts pushes over HTTP. */
export async function createBareRepository(
  dir: string,
  objectFormat: 'sha1' | 'sha256' = 'sha1',
): Promise<void> {
  await mkdir(dir, { recursive: true })
  await git(
    dir,
    'init',
    '--quiet',
    '--bare',
    '--initial-branch=main',
    `--object-format=${objectFormat}`,
    '--template=',
  )
  await git(dir, 'config', 'http.receivepack', 'true')
  await git(dir, 'config', 'uploadpack.allowAnySHA1InWant', 'true')
}

/** Every ref of a repository with the object it points at (tag objects are not peeled). */
export async function readRefs(dir: string): Promise<ReadonlyMap<string, Sha>> {
  const listing = await git(dir, 'for-each-ref', '--format=%(objectname) %(refname)')
  const lines = listing === '' ? [] : listing.split('\n')
  return new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), shaOf(line.split(' ')[0] ?? '')]))
}

/** Installs an executable shell hook, e.g. `pre-receive`, in a bare repository. */
export async function installHook(dir: string, name: string, script: string): Promise<void> {
  await mkdir(join(dir, 'hooks'), { recursive: true })
  await writeFile(join(dir, 'hooks', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}

/** Makes the server decline every push that contains one of the branches, in GitHub's words. */
export async function protectBranches(dir: string, ...branches: readonly string[]): Promise<void> {
  const cases = branches.map((branch) => `'refs/heads/${branch}'`).join('|')
  await installHook(
    dir,
    'pre-receive',
    `while read old new ref; do case "$ref" in ${cases})
      echo "error: GH006: Protected branch update failed for $ref." >&2; exit 1;; esac; done`,
  )
}

/** An address as git gets it, for tests that do not go through the parser of addresses. */
export function remoteUrl(text: string): RemoteUrl {
  if (!isAddress(text)) throw new Error('an address is never empty')
  return text
}

function isAddress(text: string): text is RemoteUrl {
  return text !== ''
}

export function shaOf(text: string): Sha {
  const sha = toSha(text)
  if (sha === undefined) throw new Error(`not an object id: ${JSON.stringify(text)}`)
  return sha
}

function fileName(message: string): string {
  return `${message.replace(/[^\w-]+/g, '-').slice(0, 60)}.txt`
}

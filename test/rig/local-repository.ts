import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { LocalRepository } from '../../src/git/local-repository.ts'
import { git } from './repository.ts'

/** A repository with a work tree as the git room takes it. */
export function localRepository(dir: string): LocalRepository {
  const gitDir = join(dir, '.git')
  return { path: dir, gitDir, commonDir: gitDir, objectsDir: join(gitDir, 'objects'), workTree: dir }
}

/** A bare one. */
export function bareRepository(dir: string): LocalRepository {
  return { path: dir, gitDir: dir, commonDir: dir, objectsDir: join(dir, 'objects'), workTree: undefined }
}

/**
 * Plants in a repository everything that git would run by itself: hooks, filters, programs that its settings
 * name. Whatever of that runs leaves a trace.
 */
export async function plantTraps(dir: string): Promise<{ readonly hasSprung: () => boolean }> {
  const trace = join(dir, '..', `trap-${crypto.randomUUID()}`)
  const program = join(dir, '..', `trap-${crypto.randomUUID()}.sh`)
  await writeFile(program, `#!/bin/sh\ntouch '${trace}'\nexit 1\n`)
  await chmod(program, 0o755)
  const gitDir = existsSync(join(dir, '.git')) ? join(dir, '.git') : dir
  await mkdir(join(gitDir, 'hooks'), { recursive: true })
  for (const hook of HOOKS) {
    await writeFile(join(gitDir, 'hooks', hook), `#!/bin/sh\ntouch '${trace}'\n`, { mode: 0o755 })
  }
  for (const setting of SETTINGS) await git(dir, 'config', setting, program)
  await git(dir, 'config', 'core.hooksPath', join(gitDir, 'hooks'))
  await git(dir, 'config', 'filter.evil.required', 'true')
  await mkdir(join(gitDir, 'info'), { recursive: true })
  await writeFile(join(gitDir, 'info', 'attributes'), '* filter=evil\n')
  return { hasSprung: () => existsSync(trace) }
}

const HOOKS = [
  'post-checkout',
  'post-index-change',
  'reference-transaction',
  'pre-receive',
  'update',
  'post-receive',
  'post-update',
  'push-to-checkout',
  'proc-receive',
  'fsmonitor-watchman',
]

const SETTINGS = [
  'core.fsmonitor',
  'core.alternateRefsCommand',
  'core.sshCommand',
  'core.pager',
  'core.editor',
  'core.askPass',
  'credential.helper',
  'filter.evil.smudge',
  'filter.evil.clean',
  'filter.evil.process',
  'uploadpack.packObjectsHook',
]

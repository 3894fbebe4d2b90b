import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunDeps } from './git.ts'
import type { LocalRepository } from './local-repository.ts'
import type { ObjectFormat } from './mirror-repository.ts'
import { initBare } from './mirror-repository.ts'
import type { RefName, Sha } from './refs.ts'

// A private git folder that shows the objects of a repository of somebody else, and nothing else of it: git
// that works in here reads a configuration of ours and finds no hook, no filter and no remote of theirs. New
// objects end up in the repository itself, because both have one folder of objects.

export type Shadow = AsyncDisposable & { readonly dir: string }

/** The shadow has these refs; its own HEAD is a branch that is never born, or the commit. */
export async function openShadow(
  deps: Pick<RunDeps, 'runtimeDir'>,
  { objectsDir }: LocalRepository,
  shown: {
    readonly objectFormat: ObjectFormat
    readonly refs?: ReadonlyMap<RefName, Sha>
    readonly head?: Sha | undefined
  },
): Promise<Shadow> {
  const dir = await mkdtemp(join(await deps.runtimeDir(), 'shadow-'))
  await initBare(dir, shown.objectFormat)
  await rm(join(dir, 'objects'), { recursive: true })
  await symlink(objectsDir, join(dir, 'objects'))
  await writeFile(join(dir, 'HEAD'), shown.head === undefined ? UNBORN : `${shown.head}\n`)
  await writeFile(join(dir, 'packed-refs'), packedRefs(shown.refs ?? new Map()))
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) }
}

// No branch of a pair can have this name, so nothing takes it for checked out.
const UNBORN = 'ref: refs/shadow/unborn\n'

function packedRefs(refs: ReadonlyMap<RefName, Sha>): string {
  const lines = [...refs].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return ['# pack-refs with: sorted \n', ...lines.map(([ref, sha]) => `${sha} ${ref}\n`)].join('')
}

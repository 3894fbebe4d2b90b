import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sha } from '../../src/git/refs.ts'
import { shaOf } from './repository.ts'

/** The refs of a repository in which nobody packs them, without starting git. */
export async function readLooseRefs(dir: string): Promise<ReadonlyMap<string, Sha>> {
  const names = await readdir(join(dir, 'refs'), { recursive: true, withFileTypes: true })
  const refs = new Map<string, Sha>()
  for (const entry of names) {
    if (!entry.isFile() || entry.name.endsWith('.lock')) continue
    const path = join(entry.parentPath, entry.name)
    const text = await readFile(path, 'utf8').catch(() => '')
    if (text !== '') refs.set(path.slice(dir.length + 1), shaOf(text.trim()))
  }
  return refs
}

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Side } from '../binding/binding.ts'
import type { LfsPointer } from '../git/lfs-pointers.ts'
import type { RefName, RemoteUrl, Sha } from '../git/refs.ts'
import { toRefName, toSha } from '../git/refs.ts'

// What is known of the LFS objects of one side: for these heads it got everything they need. Kept in the
// mirror, so it goes when the mirror goes; then everything is asked again, and nothing is brought twice.

export type Known = {
  readonly heads: ReadonlyMap<RefName, Sha>
  /** One object that the side had. Asked for again, it tells when the side has lost its objects. */
  readonly witness: LfsPointer | undefined
}

export const NOTHING_KNOWN: Known = { heads: new Map(), witness: undefined }

/** What is known of the repository at this address; of another one at the same side nothing is. */
export async function readKnown(mirror: string, side: Side, url: RemoteUrl): Promise<Known> {
  const text = await readFile(pathOf(mirror, side), 'utf8').catch(() => '')
  const [first, ...lines] = text.split('\n')
  if (first !== `url ${url}`) return NOTHING_KNOWN
  const heads = new Map<RefName, Sha>()
  let witness: LfsPointer | undefined
  for (const line of lines) {
    const [value = '', name = ''] = line.split(' ')
    const sha = toSha(value)
    const ref = toRefName(name)
    if (sha !== undefined && ref !== undefined) heads.set(ref, sha)
    const [, oid, size] = /^object ([0-9a-f]{64}) (\d+)$/.exec(line) ?? []
    if (oid !== undefined) witness = { oid, size: Number(size) }
  }
  return { heads, witness }
}

export async function writeKnown(
  mirror: string,
  side: Side,
  url: RemoteUrl,
  { heads, witness }: Known,
): Promise<void> {
  const path = pathOf(mirror, side)
  const lines = [
    `url ${url}`,
    ...(witness === undefined ? [] : [`object ${witness.oid} ${witness.size}`]),
    ...Array.from(heads, ([ref, sha]) => `${sha} ${ref}`),
  ]
  await mkdir(dirname(path), { recursive: true })
  // Whole or not at all: half a name would be another ref.
  await writeFile(`${path}.new`, `${lines.join('\n')}\n`)
  await rename(`${path}.new`, path)
}

export async function forgetKnown(mirror: string, side: Side): Promise<void> {
  await rm(pathOf(mirror, side), { force: true })
}

function pathOf(mirror: string, side: Side): string {
  return join(mirror, 'lfs', `known-${side}`)
}

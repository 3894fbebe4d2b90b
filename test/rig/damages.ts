import { chmod, mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

// What can happen to a mirror on a disk: by a crash, by a power cut, by somebody who tidies up.

/** Each leaves a mirror of a branch `main` of the internal side that git cannot fully trust. */
export const DAMAGES: readonly {
  readonly what: string
  readonly inflict: (mirror: string) => Promise<void>
}[] = [
  { what: 'an emptied ref', inflict: (mirror) => truncate(join(mirror, 'refs/internal/heads/main')) },
  {
    what: 'a ref full of garbage',
    inflict: (mirror) => writeFile(join(mirror, 'refs/internal/heads/main'), 'garbage\n'),
  },
  {
    what: 'a ref to an object that is not there',
    inflict: (mirror) => writeFile(join(mirror, 'refs/internal/heads/main'), `${'1'.repeat(40)}\n`),
  },
  { what: 'an emptied HEAD', inflict: (mirror) => truncate(join(mirror, 'HEAD')) },
  { what: 'no HEAD', inflict: (mirror) => rm(join(mirror, 'HEAD')) },
  { what: 'an emptied config', inflict: (mirror) => truncate(join(mirror, 'config')) },
  { what: 'a broken config', inflict: (mirror) => writeFile(join(mirror, 'config'), '[core\n') },
  {
    what: 'packed refs full of garbage',
    inflict: (mirror) => writeFile(join(mirror, 'packed-refs'), 'garbage\n'),
  },
  { what: 'no objects', inflict: (mirror) => rm(join(mirror, 'objects'), { recursive: true }) },
  { what: 'an emptied pack', inflict: (mirror) => eachPack(mirror, '.pack', (path) => truncate(path)) },
  { what: 'a shortened pack', inflict: (mirror) => eachPack(mirror, '.pack', shorten) },
  { what: 'a pack with wrong bytes', inflict: (mirror) => eachPack(mirror, '.pack', scribble) },
  { what: 'an index with wrong bytes', inflict: (mirror) => eachPack(mirror, '.idx', scribble) },
  { what: 'no packs', inflict: (mirror) => eachPack(mirror, '.pack', (path) => rm(path)) },
  { what: 'a file in place of the mirror', inflict: replaceByFile },
]

/** Every kind of lock and half-written file that a git leaves when it dies. */
export async function plantLeftovers(mirror: string): Promise<void> {
  await mkdir(join(mirror, 'objects/info'), { recursive: true })
  const files = [
    'HEAD.lock',
    'config.lock',
    'packed-refs.lock',
    'shallow.lock',
    'refs/internal/heads/main.lock',
    'objects/pack/tmp_pack_aB3dEf',
    'objects/pack/tmp_idx_aB3dEf',
    'objects/pack/pack-1.keep',
    'objects/info/commit-graph.lock',
  ]
  for (const file of files) await writeFile(join(mirror, file), '')
}

async function eachPack(
  mirror: string,
  ending: string,
  change: (path: string) => Promise<void>,
): Promise<void> {
  const folder = join(mirror, 'objects/pack')
  const names = (await readdir(folder)).filter((name) => name.endsWith(ending))
  if (names.length === 0) throw new Error('the mirror has no pack')
  for (const name of names) {
    await chmod(join(folder, name), 0o644)
    await change(join(folder, name))
  }
}

async function shorten(path: string): Promise<void> {
  await truncate(path, Math.floor((await stat(path)).size / 2))
}

async function scribble(path: string): Promise<void> {
  const bytes = await readFile(path)
  bytes.fill(0xff, Math.floor(bytes.length / 3), Math.floor((2 * bytes.length) / 3))
  await writeFile(path, bytes)
}

async function replaceByFile(mirror: string): Promise<void> {
  await rm(mirror, { recursive: true })
  await writeFile(mirror, '')
}

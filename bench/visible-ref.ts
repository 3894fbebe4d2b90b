import { readFileSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Waits until a bare repository shows the commit under its ref; resolves with the moment, as
 * `performance.now()` counts. The kernel tells of the change, so the wait itself costs nothing.
 */
export function whenVisible(dir: string, ref: string, sha: string, limitMs = 30_000): Promise<number> {
  const file = join(dir, ref)
  return new Promise((resolve, reject) => {
    const watcher = watch(dirname(file), (_, name) => {
      if (name === basename(file)) look()
    })
    const limit = setTimeout(() => {
      watcher.close()
      reject(new Error(`${ref} did not become ${sha} within ${limitMs} ms`))
    }, limitMs)
    function look(): void {
      if (read(file) !== sha) return
      clearTimeout(limit)
      watcher.close()
      resolve(performance.now())
    }
    look()
  })
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}

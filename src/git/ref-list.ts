import type { RefName, Sha } from './refs.ts'
import { isMangled, toRefName } from './refs.ts'

// The branches and tags of a repository, gathered while git or a server names all of its refs.

export type RefList = {
  readonly refs: ReadonlyMap<RefName, Sha>
  /** What the names of those that were left out look like, because they are not UTF-8; absent: none was. */
  readonly notUtf8?: readonly string[]
}

type RefCollector = {
  readonly add: (name: string, sha: Sha | undefined) => void
  readonly list: () => RefList
}

export function collectRefs(): RefCollector {
  const refs = new Map<RefName, Sha>()
  const notUtf8: string[] = []
  return {
    add: (name, sha) => {
      const ref = toRefName(name)
      if (ref === undefined || sha === undefined) return
      if (isMangled(ref)) notUtf8.push(ref)
      else refs.set(ref, sha)
    },
    list: () => ({ refs, ...(notUtf8.length === 0 ? {} : { notUtf8 }) }),
  }
}

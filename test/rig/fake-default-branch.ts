import { git, readRefs } from './repository.ts'

// The default branch of the repository of a fake forge: remembered, or that of a real repository, where git sees it.

export type FakeDefaultBranch = {
  readonly read: () => Promise<string>
  /** False: the repository has no such branch. */
  readonly set: (branch: string) => Promise<boolean>
}

/** Of a repository that has the branches `main` and `release/中文`. */
export function rememberedDefaultBranch(): FakeDefaultBranch {
  let branch = 'main'
  return {
    read: () => Promise.resolve(branch),
    set: (wanted) => {
      const isThere = ['main', 'release/中文'].includes(wanted)
      if (isThere) branch = wanted
      return Promise.resolve(isThere)
    },
  }
}

export function defaultBranchOf({ dir }: { readonly dir: string }): FakeDefaultBranch {
  return {
    read: () => git(dir, 'symbolic-ref', '--short', 'HEAD'),
    set: async (branch) => {
      const isThere = (await readRefs(dir)).has(`refs/heads/${branch}`)
      if (isThere) await git(dir, 'symbolic-ref', 'HEAD', `refs/heads/${branch}`)
      return isThere
    },
  }
}

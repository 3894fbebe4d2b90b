import { pathOf } from './api-place.ts'
import type { ForgeApiFailure, ForgeApiOutcome } from './forge-api.ts'

// GitLink has its hooks under two sets of paths: below `v1`, and, on older instances, without it.

export type GitlinkPaths = {
  readonly hooks: string
  readonly hook: (id: string) => string
  readonly detail: (id: string) => string
  readonly test: (id: string) => string
  readonly history: (id: string) => string
  readonly updateMethod: 'PUT' | 'PATCH'
}

function newPaths(owner: string, name: string): GitlinkPaths {
  const hooks = pathOf(['v1', owner, name, 'webhooks'])
  return {
    hooks: `${hooks}.json`,
    hook: (id) => `${hooks}${pathOf([id])}.json`,
    detail: (id) => `${hooks}${pathOf([id])}.json`,
    test: (id) => `${hooks}${pathOf([id])}/tests.json`,
    history: (id) => `${hooks}${pathOf([id])}/hooktasks.json`,
    updateMethod: 'PUT',
  }
}

function oldPaths(owner: string, name: string): GitlinkPaths {
  const hooks = pathOf([owner, name, 'webhooks'])
  return {
    hooks: `${hooks}.json`,
    hook: (id) => `${hooks}${pathOf([id])}.json`,
    detail: (id) => `${hooks}${pathOf([id])}/edit.json`,
    test: (id) => `${hooks}${pathOf([id])}/test.json`,
    history: (id) => `${hooks}${pathOf([id])}/tasks.json`,
    updateMethod: 'PATCH',
  }
}

/** One step with the new paths, and with the old ones where the new lead nowhere. */
export type InEither = <Result>(
  step: (paths: GitlinkPaths) => Promise<ForgeApiOutcome<Result>>,
  /** For a step that changes nothing, an answer that is no answer may lead nowhere, too. */
  nowhere?: readonly ForgeApiFailure['kind'][],
) => Promise<ForgeApiOutcome<Result>>

export function inEither(owner: string, name: string): InEither {
  return async (step, nowhere = ['not_found']) => {
    const outcome = await step(newPaths(owner, name))
    return outcome.ok || !nowhere.includes(outcome.failure.kind) ? outcome : step(oldPaths(owner, name))
  }
}

import { azure, isFromAzure } from './azure.ts'
import { bitbucket } from './bitbucket.ts'
import { bitbucketServer } from './bitbucket-server.ts'
import { codeup } from './codeup.ts'
import { coding } from './coding.ts'
import type { Forge, ForgeName, WebhookRequest } from './forge.ts'
import { forgejo } from './forgejo.ts'
import { createGeneric } from './generic.ts'
import type { GenericSettings } from './generic.ts'
import { gitea } from './gitea.ts'
import { gitee } from './gitee.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import { gitlink, isFromGitlink } from './gitlink.ts'
import { gogs } from './gogs.ts'

/** The adapter of that name; undefined when there is none. */
export type ForgeByName = {
  (name: ForgeName): Forge
  (name: string): Forge | undefined
}

/** All adapters; what `generic` understands is a setting. */
export function createForges(generic: GenericSettings): ForgeByName {
  const adapters: Readonly<Record<ForgeName, Forge>> = {
    github,
    gitlab,
    gitea,
    forgejo,
    gogs,
    gitlink,
    gitee,
    bitbucket,
    'bitbucket-server': bitbucketServer,
    azure,
    codeup,
    coding,
    generic: createGeneric(generic),
  }
  const adaptersByName: ReadonlyMap<string, Forge> = new Map(Object.entries(adapters))
  function forgeByName(name: ForgeName): Forge
  function forgeByName(name: string): Forge | undefined
  function forgeByName(name: string): Forge | undefined {
    return adaptersByName.get(name)
  }
  return forgeByName
}

// The order is the meaning: whoever copies the headers of another comes before it. Gitea and its kin send
// each other's headers and GitHub's too. GitCode has no adapter and is named so that nobody else takes it.
const FORGE_BY_HEADER: readonly (readonly [header: string, forge: ForgeName | undefined])[] = [
  ['x-forgejo-event', 'forgejo'],
  ['x-gitea-event', 'gitea'],
  ['x-gogs-event', 'gogs'],
  ['x-gitee-event', 'gitee'],
  ['x-git-oschina-event', 'gitee'],
  ['x-codeup-event', 'codeup'],
  ['codeup-event', 'codeup'],
  ['x-coding-event', 'coding'],
  ['x-gitcode-event', undefined],
  ['x-gitlab-event', 'gitlab'],
  ['x-event-key', 'bitbucket-server'],
  ['x-github-event', 'github'],
]

/** Which forge sent a request that does not say so in its address; never `generic`, which nothing betrays. */
export function recognise(request: WebhookRequest): ForgeName | undefined {
  const known = FORGE_BY_HEADER.find(([header]) => request.headers.has(header))
  if (known === undefined) return isFromAzure(request) ? 'azure' : undefined
  const [, forge] = known
  if (forge === 'gitea' && isFromGitlink(request)) return 'gitlink'
  if (forge === 'bitbucket-server' && request.headers.has('x-hook-uuid')) return 'bitbucket'
  return forge
}

import { DomainError } from '../domain-error.ts'

// What can be wrong with a request about the repositories of a binding at their forges.

export function forgeUnknown(): DomainError {
  return new DomainError('not_found', 'forge_unknown', {
    zh: '该侧没有单独保存的平台访问令牌',
    en: 'no access to the forge is kept for this side',
  })
}

export function noForgeCall(forge: string): DomainError {
  return new DomainError(
    'invalid',
    'forge_call',
    {
      zh: `本服务无法通过 ${forge} 的接口管理该仓库`,
      en: `this service cannot do that through an API of ${forge}`,
    },
    { hint: { zh: '请检查 forge、地址和 api_url', en: 'check forge, the address and api_url' } },
  )
}

export function noForgeAccess(binding: string, side: string): DomainError {
  return new DomainError(
    'conflict',
    'no_access',
    {
      zh: `没有访问 ${side} 侧平台接口的令牌`,
      en: `there is no access to the API of the forge of the side ${side}`,
    },
    {
      hint: {
        zh: `请用 PUT /api/v1/bindings/${binding}/forges/${side} 提供 api_token`,
        en: `give an api_token with PUT /api/v1/bindings/${binding}/forges/${side}`,
      },
    },
  )
}

export function noDefaultBranchCall(forge: string): DomainError {
  return new DomainError(
    'conflict',
    'no_default_branch_call',
    {
      zh: `${forge} 没有更改默认分支的接口`,
      en: `${forge} has no call that changes the default branch`,
    },
    { hint: { zh: '请在平台上手动更改', en: 'change it at the forge by hand' } },
  )
}

export function pullMirror(): DomainError {
  return new DomainError(
    'conflict',
    'pull_mirror',
    {
      zh: '该侧是同步目标，但平台上的仓库是镜像项目，不接受推送',
      en: 'this side is to be pushed to, but its repository is a mirror at the forge, which takes no pushes',
    },
    {
      hint: {
        zh: '请改为绑定普通项目；如果它就是另一侧的镜像，请以 "mirror": true 保存，由平台自行拉取',
        en: 'bind an ordinary project; or, if it is a mirror of the other side, declare it with "mirror": true, and the forge is asked to pull',
      },
    },
  )
}

export function noMirror(): DomainError {
  return new DomainError(
    'conflict',
    'no_mirror',
    { zh: '平台上的仓库不是镜像项目', en: 'the repository is no mirror at the forge' },
    { hint: { zh: '请去掉 "mirror": true', en: 'leave "mirror": true out' } },
  )
}

export function mirrorRefused(): DomainError {
  return new DomainError(
    'conflict',
    'mirror_binding',
    {
      zh: '只有单向、仓库粒度绑定的目标侧才能是镜像项目',
      en: 'only the target of a one-way binding of the whole repository can be a mirror',
    },
    {
      hint: {
        zh: '请使用另一侧，或以仓库粒度单向绑定',
        en: 'name the other side, or bind the whole repository one way',
      },
    },
  )
}

export function repositoryExists(): DomainError {
  return new DomainError(
    'already_exists',
    'repository_exists',
    { zh: '平台上已有该仓库', en: 'the forge has this repository already' },
    {
      hint: {
        zh: '无需创建；如果它是另一侧的镜像，请以 "mirror": true 保存',
        en: 'there is nothing to create; if it is a mirror of the other side, declare it with "mirror": true',
      },
    },
  )
}

export function cloneAddressRefused(): DomainError {
  return new DomainError(
    'conflict',
    'clone_address',
    {
      zh: '另一侧的地址不是 http 或 https，平台无法从中拉取',
      en: 'the address of the other side is neither http nor https, so no forge can pull from it',
    },
    { hint: { zh: '请为另一侧使用 https 地址', en: 'use an https address for the other side' } },
  )
}

export function credentialMissing(): DomainError {
  return new DomainError(
    'conflict',
    'credential',
    {
      zh: '另一侧没有保存可以交给平台的令牌',
      en: 'no token of the other side is stored that could be shared',
    },
    {
      hint: {
        zh: '请先为另一侧保存令牌，或去掉 "share_credential"',
        en: 'store a token for the other side first, or leave "share_credential" out',
      },
    },
  )
}

const LISTED_BRANCHES = 10

export function branchNotAtForge(branch: string, names: readonly string[]): DomainError {
  const listed = names.slice(0, LISTED_BRANCHES).join(', ')
  const rest = names.length > LISTED_BRANCHES ? ', …' : ''
  const existing =
    names.length === 0
      ? { zh: '仓库没有分支', en: 'it has no branches' }
      : { zh: `现有分支：${listed}${rest}`, en: `it has ${listed}${rest}` }
  return new DomainError(
    'invalid',
    'branch_not_at_forge',
    {
      zh: `源仓库没有分支“${branch}”；${existing.zh}`,
      en: `the source repository has no branch "${branch}"; ${existing.en}`,
    },
    { hint: { zh: '请检查分支名，或先推送该分支', en: 'check the name, or push the branch first' } },
  )
}

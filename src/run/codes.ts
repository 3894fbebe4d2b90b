import type { Text } from '../domain-error.ts'
import type { GitErrorKind } from '../git/git-error.ts'
import { canHeal, isHopeless, isHostTrouble } from '../git/git-error.ts'
import { HINTS } from './hints.ts'

/** The documented number and Chinese text of an outcome, and what a person can do about it. */
export type OutcomeCode = {
  readonly code: number
  readonly message: string
  readonly hint: Text
}

export const SUCCESS = { code: 0, message: '操作成功' } as const

const TEXTS = {
  20001: 'SSH 密钥未授权或未添加',
  20002: '仓库不存在或私有仓库访问权限不足',
  20003: '无法解析主机',
  20004: '连接超时',
  20005: '认证失败 (用户名和密码、个人访问令牌、SSH 密钥等)',
  20006: '没有权限在指定的本地目录创建文件或目录',
  20008: '当前的工作目录不是一个git仓库',
  20009: '分支不存在',
  20010: '推送冲突',
  20011: '推送到受保护的分支被拒绝',
  20012: 'Unknown git error.',
  20100: '同步已取消',
  20101: '目标地址不允许访问',
  20102: '磁盘空间不足',
  20103: '两个仓库没有共同的历史',
  20104: '令牌没有推送工作流文件的权限',
  20105: '推送的内容中含有密钥',
  20106: '提交中含有不公开的邮箱',
  20107: '提交的作者或邮箱不被接受',
  20108: '缺少 LFS 对象',
  20109: '存储空间超出配额',
  20110: '仓库只读',
  20111: '分支或标签的名称冲突',
  20112: '分支或标签的名称不被接受',
  20113: '分支和标签过多',
  20114: '文件或推送超过大小限制',
  20115: '两个仓库的对象格式不同',
  20116: '仓库含有损坏或不合规的对象',
  20117: '源仓库是浅克隆',
  20118: '服务器证书无效',
  20119: 'SSH 算法不兼容',
  20120: '代理服务器出错',
  20121: '未获得组织单点登录的授权',
  20122: '平台的 IP 白名单不允许本机访问',
  20123: '平台限制了该账号或仓库',
  20124: '本机内存或资源不足',
  20125: '镜像正被另一个进程占用',
  20126: '等待确认：将删除或覆盖大量分支',
  20127: '备份不存在',
  20128: '平台没有提供 LFS',
} as const

// Each kind with the documented number of the same intent, or one of ours.
const CODES: Readonly<Record<GitErrorKind, keyof typeof TEXTS>> = {
  ssh_key_rejected: 20001,
  host_key_changed: 20001,
  host_key_unknown: 20001,
  not_found: 20002,
  redirected: 20002,
  not_git: 20002,
  dns: 20003,
  unreachable: 20004,
  stalled: 20004,
  timed_out: 20004,
  rate_limited: 20004,
  server_error: 20004,
  auth: 20005,
  forbidden: 20005,
  local_permission: 20006,
  mirror_damaged: 20008,
  ref_missing: 20009,
  non_fast_forward: 20010,
  tag_moved: 20010,
  deletion_conflict: 20010,
  moved_meanwhile: 20010,
  protected: 20011,
  hook_declined: 20011,
  unknown: 20012,
  secret_unreadable: 20012,
  canceled: 20100,
  address_denied: 20101,
  disk_full: 20102,
  unrelated: 20103,
  workflow_scope: 20104,
  secret_found: 20105,
  email_private: 20106,
  author_refused: 20107,
  lfs_missing: 20108,
  lfs_unavailable: 20128,
  quota_exceeded: 20109,
  read_only: 20110,
  name_taken: 20111,
  ref_ambiguous: 20111,
  name_refused: 20112,
  too_many_refs: 20113,
  too_large: 20114,
  object_format: 20115,
  bad_objects: 20116,
  shallow: 20117,
  tls: 20118,
  ssh_outdated: 20119,
  proxy: 20120,
  sso_required: 20121,
  ip_refused: 20122,
  blocked: 20123,
  out_of_memory: 20124,
  mirror_busy: 20125,
  held: 20126,
  backup_missing: 20127,
}

export function outcomeCode(kind: GitErrorKind): OutcomeCode {
  const code = CODES[kind]
  const { zh, en } = HINTS[kind]
  const fate = fateOf(kind)
  return {
    code,
    message: TEXTS[code],
    hint: { zh: [zh, ...fate.zh].join('；'), en: [en, ...fate.en].join('; ') },
  }
}

/** Whether waiting helps, and whether only this binding is concerned: what the cause alone does not tell. */
function fateOf(kind: GitErrorKind): { readonly zh: readonly string[]; readonly en: readonly string[] } {
  if (isHostTrouble(kind)) {
    return {
      zh: ['稍后会自动重试，同一主机的其他绑定也可能受影响'],
      en: ['it is tried again later, and other bindings of this host may be affected'],
    }
  }
  if (canHeal(kind)) return { zh: ['稍后会自动重试'], en: ['it is tried again later'] }
  return isHopeless(kind)
    ? { zh: ['在此之前不会成功'], en: ['it cannot succeed before that'] }
    : { zh: [], en: [] }
}

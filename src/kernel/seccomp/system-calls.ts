/**
 * Numbers of system calls, by Node's names of the architectures: asm/unistd_64.h of x86, and asm-generic/unistd.h, which arm64 has.
 * From 424 on all architectures have the same numbers.
 */

/** An architecture with a table of numbers. */
export type Architecture = 'x64' | 'arm64'

/** Numbers of one system call; without `arm64` that architecture does not have it. */
interface Numbers {
  readonly x64: number
  readonly arm64?: number
}

const on = (x64: number, arm64?: number): Numbers =>
  arm64 === undefined ? { x64 } : { x64, arm64 }

/** System calls that are allowed or refused by their arguments. */
export const BY_ARGUMENTS = {
  open: on(2),
  openat: on(257, 56),
  socket: on(41, 198),
  ioctl: on(16, 29),
  fcntl: on(72, 25),
  clone: on(56, 220),
  kill: on(62, 129),
  tgkill: on(234, 131),
  rt_sigqueueinfo: on(129, 138),
  rt_tgsigqueueinfo: on(297, 240),
  prlimit64: on(302, 261),
  bpf: on(321, 280),
  perf_event_open: on(298, 241),
} as const

/** System calls that a process which only reads, and talks to the network, never needs. */
export const REFUSED: Readonly<Record<string, Numbers>> = {
  // Files. Those that take a descriptor change files that are open for reading, too.
  creat: on(85),
  truncate: on(76, 45),
  ftruncate: on(77, 46),
  fallocate: on(285, 47),
  rename: on(82),
  renameat: on(264, 38),
  renameat2: on(316, 276),
  link: on(86),
  linkat: on(265, 37),
  symlink: on(88),
  symlinkat: on(266, 36),
  unlink: on(87),
  unlinkat: on(263, 35),
  mkdir: on(83),
  mkdirat: on(258, 34),
  rmdir: on(84),
  mknod: on(133),
  mknodat: on(259, 33),
  chmod: on(90),
  fchmod: on(91, 52),
  fchmodat: on(268, 53),
  chown: on(92),
  fchown: on(93, 55),
  lchown: on(94),
  fchownat: on(260, 54),
  setxattr: on(188, 5),
  lsetxattr: on(189, 6),
  fsetxattr: on(190, 7),
  removexattr: on(197, 14),
  lremovexattr: on(198, 15),
  fremovexattr: on(199, 16),
  utime: on(132),
  utimes: on(235),
  futimesat: on(261),
  utimensat: on(280, 88),
  flock: on(73, 32),
  name_to_handle_at: on(303, 264),
  open_by_handle_at: on(304, 265),
  // The address of a Unix socket is a file that bind(2) makes; servers listen before the filter is set.
  bind: on(49, 200),
  // File systems.
  mount: on(165, 40),
  umount2: on(166, 39),
  pivot_root: on(155, 41),
  chroot: on(161, 51),
  quotactl: on(179, 60),
  acct: on(163, 89),
  swapon: on(167, 224),
  swapoff: on(168, 225),
  fanotify_init: on(300, 262),
  fanotify_mark: on(301, 263),
  uselib: on(134),
  nfsservctl: on(180, 42),
  lookup_dcookie: on(212, 18),
  // Programs, and other processes.
  fork: on(57),
  vfork: on(58),
  execve: on(59, 221),
  execveat: on(322, 281),
  ptrace: on(101, 117),
  process_vm_readv: on(310, 270),
  process_vm_writev: on(311, 271),
  kcmp: on(312, 272),
  tkill: on(200, 130),
  setns: on(308, 268),
  unshare: on(272, 97),
  setpriority: on(141, 140),
  ioprio_set: on(251, 30),
  sched_setparam: on(142, 118),
  sched_setscheduler: on(144, 119),
  sched_setaffinity: on(203, 122),
  sched_setattr: on(314, 274),
  migrate_pages: on(256, 238),
  move_pages: on(279, 239),
  shmget: on(29, 194),
  shmat: on(30, 196),
  shmctl: on(31, 195),
  msgget: on(68, 186),
  msgsnd: on(69, 189),
  msgrcv: on(70, 188),
  msgctl: on(71, 187),
  semget: on(64, 190),
  semop: on(65, 193),
  semctl: on(66, 191),
  semtimedop: on(220, 192),
  mq_open: on(240, 180),
  mq_unlink: on(241, 181),
  // Rights.
  setuid: on(105, 146),
  setgid: on(106, 144),
  setreuid: on(113, 145),
  setregid: on(114, 143),
  setresuid: on(117, 147),
  setresgid: on(119, 149),
  setgroups: on(116, 159),
  setfsuid: on(122, 151),
  setfsgid: on(123, 152),
  capset: on(126, 91),
  personality: on(135, 92),
  add_key: on(248, 217),
  request_key: on(249, 218),
  keyctl: on(250, 219),
  // The machine.
  reboot: on(169, 142),
  kexec_load: on(246, 104),
  kexec_file_load: on(320, 294),
  init_module: on(175, 105),
  finit_module: on(313, 273),
  delete_module: on(176, 106),
  sethostname: on(170, 161),
  setdomainname: on(171, 162),
  settimeofday: on(164, 170),
  clock_settime: on(227, 112),
  adjtimex: on(159, 171),
  clock_adjtime: on(305, 266),
  iopl: on(172),
  ioperm: on(173),
  modify_ldt: on(154),
  syslog: on(103, 116),
  vhangup: on(153, 58),
  userfaultfd: on(323, 282),
}

/** On all architectures. */
export const IO_URING_SETUP = 425

/** The first number since which architectures have the same. Every later system call has an older one that a C library falls back to. */
export const FIRST_COMMON = 424

/** Of these those that are allowed. What is not here and not known yet does not exist for the process. */
export const ALLOWED_COMMON: Readonly<Record<string, number>> = {
  close_range: 436,
  faccessat2: 439,
  epoll_pwait2: 441,
  futex_waitv: 449,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  mseal: 462,
}

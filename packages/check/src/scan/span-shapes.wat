;; Says whether a span has a shape that is known: the same bytes as a span that was read before, but for some texts and
;; numbers. Sixteen bytes at a time. scripts/write-wasm.ts turns this into span-shapes.wasm.ts.
;;
;; Shapes are a tree, built by span-shapes.ts. Its first word says where the first node is, from the beginning of the
;; tree; 0: there is none. A node is some bytes that must stand here, and a gap behind them, of eight words and then
;; the bytes, up to whole groups of sixteen:
;;   0  the next node for the same place        12  where to note the gap, in bytes       20  the first node behind the gap;
;;   4  how many bytes must stand here          16  what is in the gap: see below             for an end: the shape
;;   8  bits of the last group that do not matter
;; What may be in a gap: 0 a text without escapes, 1 any text, 2 a whole number, 3 digits, 4 the span ends here.
(module
  (import "scan" "memory" (memory 1))

  ;; Where, from $at, the first byte is that ends a text or escapes something; behind $end there is no looking.
  (func $text (param $at i32) (param $end i32) (result i32)
    (local $group v128)
    (local $found i32)
    (loop $groups
      (local.set $group (v128.load align=1 (local.get $at)))
      (local.set $found
        (i8x16.bitmask
          (v128.or
            (i8x16.lt_u (local.get $group) (i8x16.splat (i32.const 0x20)))
            (v128.or
              (i8x16.eq (local.get $group) (i8x16.splat (i32.const 0x22)))
              (i8x16.eq (local.get $group) (i8x16.splat (i32.const 0x5c)))))))
      (if (local.get $found)
        (then (return (i32.add (local.get $at) (i32.ctz (local.get $found))))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $groups (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $end))

  ;; The same for a text with escapes: a backslash and one of "\/bfnrt, or u and four hexadecimal digits.
  (func $escapedText (param $at i32) (param $end i32) (result i32)
    (local $byte i32)
    (local $group v128)
    (loop $escapes
      (local.set $at (call $text (local.get $at) (local.get $end)))
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x5c))
        (then (return (local.get $at))))
      (local.set $byte (i32.load8_u offset=1 (local.get $at)))
      (if (i32.eq (local.get $byte) (i32.const 0x75))
        (then
          (local.set $group (v128.load offset=2 align=1 (local.get $at)))
          (if (i32.ne
                (i32.and
                  (i32.const 0xf)
                  (i8x16.bitmask
                    (v128.or
                      (i8x16.le_u
                        (i8x16.sub (local.get $group) (i8x16.splat (i32.const 0x30)))
                        (i8x16.splat (i32.const 9)))
                      ;; Letters, whether small or not.
                      (i8x16.le_u
                        (i8x16.sub
                          (v128.or (local.get $group) (i8x16.splat (i32.const 0x20)))
                          (i8x16.splat (i32.const 0x61)))
                        (i8x16.splat (i32.const 5))))))
                (i32.const 0xf))
            (then (return (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 4))))
        ;; A bit for each byte below 64, and for each from there to 127.
        (else
          (if (i32.or
                (i32.ge_u (local.get $byte) (i32.const 128))
                (i64.eqz
                  (i64.and
                    (i64.shr_u
                      (select
                        (i64.const 0x0014_4044_1000_0000)
                        (i64.const 0x0000_8004_0000_0000)
                        (i32.and (local.get $byte) (i32.const 64)))
                      (i64.extend_i32_u (local.get $byte)))
                    (i64.const 1))))
            (then (return (local.get $at))))))
      (local.set $at (i32.add (local.get $at) (i32.const 2)))
      (br_if $escapes (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $end))

  ;; Where, from $at, the first byte is that is no digit.
  (func $digits (param $at i32) (result i32)
    (local $found i32)
    (loop $groups
      (local.set $found
        (i8x16.bitmask
          (i8x16.gt_u
            (i8x16.sub (v128.load align=1 (local.get $at)) (i8x16.splat (i32.const 0x30)))
            (i8x16.splat (i32.const 9)))))
      (if (i32.eqz (local.get $found))
        (then
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (br $groups))))
    (i32.add (local.get $at) (i32.ctz (local.get $found))))

  ;; Notes where the gaps of the span are that begins at $at, two words each, and gives the number of its shape; -1: it
  ;; has none that is known.
  (func (export "match") (param $at i32) (param $end i32) (param $tree i32) (param $places i32) (result i32)
    (local $node i32)
    (local $read i32)
    (local $same i32)
    (local $place i32)
    (local $kind i32)
    (local.set $node (i32.load (local.get $tree)))
    (block $unknown
      (loop $next
        (br_if $unknown (i32.eqz (local.get $node)))
        (local.set $node (i32.add (local.get $tree) (local.get $node)))
        (local.set $read (i32.const 0))
        (block $other
          (loop $groups
            (local.set $same
              (i8x16.bitmask
                (i8x16.eq
                  (v128.load align=1 (i32.add (local.get $at) (local.get $read)))
                  (v128.load offset=32 align=1 (i32.add (local.get $node) (local.get $read))))))
            (local.set $read (i32.add (local.get $read) (i32.const 16)))
            (if (i32.lt_u (local.get $read) (i32.load offset=4 (local.get $node)))
              (then
                (br_if $groups (i32.eq (local.get $same) (i32.const 0xffff)))
                (br $other))))
          (br_if $other
            (i32.ne (i32.or (local.get $same) (i32.load offset=8 (local.get $node))) (i32.const 0xffff)))
          (local.set $at (i32.add (local.get $at) (i32.load offset=4 (local.get $node))))
          (br_if $unknown (i32.gt_u (local.get $at) (local.get $end)))
          (local.set $place (i32.add (local.get $places) (i32.load offset=12 (local.get $node))))
          (i32.store (local.get $place) (local.get $at))
          (local.set $kind (i32.load offset=16 (local.get $node)))
          (block $noted
            (if (i32.eqz (local.get $kind))
              (then
                (local.set $at (call $text (local.get $at) (local.get $end)))
                (br $noted)))
            (if (i32.eq (local.get $kind) (i32.const 1))
              (then
                (local.set $at (call $escapedText (local.get $at) (local.get $end)))
                (br $noted)))
            (if (i32.eq (local.get $kind) (i32.const 4))
              (then (return (i32.load offset=20 (local.get $node)))))
            (local.set $at (call $digits (local.get $at)))
            (local.set $read (i32.sub (local.get $at) (i32.load (local.get $place))))
            ;; A whole number begins with a zero only where it is zero.
            (br_if $unknown
              (i32.or
                (i32.eqz (local.get $read))
                (i32.and
                  (i32.and
                    (i32.eq (local.get $kind) (i32.const 2))
                    (i32.gt_u (local.get $read) (i32.const 1)))
                  (i32.eq (i32.load8_u (i32.load (local.get $place))) (i32.const 0x30))))))
          (i32.store offset=4 (local.get $place) (local.get $at))
          (local.set $node (i32.load offset=20 (local.get $node)))
          (br $next))
        (local.set $node (i32.load (local.get $node)))
        (br $next)))
    (i32.const -1)))

;; Finds the bytes of a text that end a JSON string or need a look: quotes, backslashes and what is below a space.
;; Sixteen bytes at a time, which JavaScript cannot do. scripts/write-wasm.ts turns this into special-bytes.wasm.ts.
(module
  (import "scan" "memory" (memory 1))

  ;; Writes the place of each special byte from $at up to $end, four bytes a place, to $out; returns where the places
  ;; end. It looks at whole groups of sixteen, so up to fifteen bytes behind $end may be named, too.
  (func (export "mark") (param $at i32) (param $end i32) (param $out i32) (result i32)
    (local $group v128)
    (local $found i32)
    (block $done
      (loop $groups
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $group (v128.load align=1 (local.get $at)))
        ;; One bit for each byte that is special.
        (local.set $found
          (i8x16.bitmask
            (v128.or
              (i8x16.lt_u (local.get $group) (i8x16.splat (i32.const 0x20)))
              (v128.or
                (i8x16.eq (local.get $group) (i8x16.splat (i32.const 0x22)))
                (i8x16.eq (local.get $group) (i8x16.splat (i32.const 0x5c)))))))
        (block $none
          (loop $bits
            (br_if $none (i32.eqz (local.get $found)))
            (i32.store (local.get $out) (i32.add (local.get $at) (i32.ctz (local.get $found))))
            (local.set $out (i32.add (local.get $out) (i32.const 4)))
            ;; Clears the lowest bit.
            (local.set $found (i32.and (local.get $found) (i32.sub (local.get $found) (i32.const 1))))
            (br $bits)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $groups)))
    (local.get $out)))

# One object library per instruction set. Each holds the single translation unit
# simd/arch/<isa>.cpp, is compiled with that instruction set's flags and always optimised, and is
# the only code in the library that may use its instructions.

# -ffp-contract: inside xsimd 8.1, exp for one, an AVX-512 fma is mul + add. gcc fuses that by default,
#   clang only with this option.
# -fno-math-errno: keeps sqrt a single instruction.
# -Wno-uninitialized, -Wno-maybe-uninitialized: gcc 12's own AVX-512 intrinsics set them off (gcc bug
#   105593), the first with sanitizers only.
# -frename-registers: without it gcc 12 copies vectors in the micro-kernel's unrolled loop.
# -O1 with sanitizers: -O3 takes many minutes a unit, for code that is slow in any case.
# xsimd is renamed per unit: its functions are plain inline, so without this the linker would keep
#   one copy of each, perhaps the AVX-512 one, for every instruction set.
function(tilewise_add_isa isa)
  set(target tilewise_${isa})
  add_library(${target} OBJECT ${CMAKE_CURRENT_SOURCE_DIR}/arch/${isa}.cpp)
  target_include_directories(${target} PRIVATE ${TILEWISE_INCLUDE_DIR})
  target_link_libraries(${target} PRIVATE xsimd)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_options(${target} PRIVATE
    ${ARGN} -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math -fno-exceptions -fno-rtti)
  target_compile_definitions(${target} PRIVATE xsimd=xsimd_${isa})
  tilewise_compile_options(${target})
  target_compile_options(${target} PRIVATE
    "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-frename-registers>")
  if(TILEWISE_SANITIZE)
    target_compile_options(${target} PRIVATE -O1 -Wno-uninitialized)
  endif()
  target_sources(tilewise PRIVATE $<TARGET_OBJECTS:${target}>)
  target_compile_definitions(tilewise PRIVATE TILEWISE_HAS_${isa})
  set_property(GLOBAL APPEND PROPERTY TILEWISE_ISAS ${isa})  # the tests run under each
endfunction()

# Warnings and sanitizers, the same for every target.

function(tilewise_compile_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wold-style-cast
    -Wnon-virtual-dtor -Woverloaded-virtual -Wnull-dereference)
  if(TILEWISE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(TILEWISE_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${TILEWISE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
    target_link_options(${target} PUBLIC -fsanitize=${TILEWISE_SANITIZE})
    # With what they insert gcc 12 warns of std::regex (its bug 105562) and of strings inside CLI11.
    target_compile_options(${target} PRIVATE
      "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-null-dereference>")
  endif()
endfunction()
